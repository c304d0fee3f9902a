import { assertAlmostEquals } from "@std/assert";
import { constant, type Expr, input } from "../../../engine/kernel/language/expr.ts";
import { exercise } from "./exercise.ts";

const { derivative } = await exercise<typeof import("./02-derivative.ts")>("02-derivative");

/** The value of an expression at x. */
function at(x: number, { op, args, value }: Expr): number {
  const [a, b] = args.map((arg) => at(x, arg));
  const known: Record<string, () => number> = {
    constant: () => value,
    input: () => x,
    add: () => a + b,
    mul: () => a * b,
    neg: () => -a,
    exp: () => Math.exp(a),
  };
  return known[op]();
}

const x = input(0);
const formulas: Record<string, Expr> = {
  "x³": x.mul(x).mul(x),
  "e^(-x²)": x.mul(x).neg().exp(),
  "(3x + 1) e^x": x.mul(3).add(1).mul(x.exp()),
  "5": constant(5),
};

for (const [name, formula] of Object.entries(formulas)) {
  Deno.test(`the derivative of ${name} agrees with central differences`, () => {
    for (const point of [-1.2, 0, 0.7]) {
      const difference = (at(point + 1e-6, formula) - at(point - 1e-6, formula)) / 2e-6;
      assertAlmostEquals(at(point, derivative(formula)), difference, 1e-5);
    }
  });
}
