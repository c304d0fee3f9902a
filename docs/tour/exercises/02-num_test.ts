import { assertAlmostEquals, assertEquals } from "@std/assert";
import { exercise } from "./exercise.ts";

const { Num } = await exercise<typeof import("./02-num.ts")>("02-num");

Deno.test("gradients agree with central differences", () => {
  const f = (a: number, b: number) => Math.exp(a / b) / (a * b);
  const [x, y] = [new Num(1.5), new Num(-0.7)];
  x.div(y).exp().div(x.mul(y)).backward();
  assertAlmostEquals(x.grad, (f(1.5 + 1e-6, -0.7) - f(1.5 - 1e-6, -0.7)) / 2e-6, 1e-6);
  assertAlmostEquals(y.grad, (f(1.5, -0.7 + 1e-6) - f(1.5, -0.7 - 1e-6)) / 2e-6, 1e-5);
});

Deno.test("the tape is empty afterwards, and the next loss starts afresh", () => {
  new Num(2).mul(new Num(3)).backward();
  assertEquals(Num.tape.length, 0);
  const x = new Num(2);
  x.exp().backward();
  assertAlmostEquals(x.grad, Math.exp(2), 1e-12);
});
