import { constant, type Expr } from "../../../../engine/kernel/language/expr.ts";

export function derivative(value: Expr): Expr {
  const [a, b] = value.args;
  switch (value.op) {
    case "input":
      return constant(1);
    case "add":
      return derivative(a).add(derivative(b));
    case "mul":
      return derivative(a).mul(b).add(a.mul(derivative(b)));
    case "neg":
      return derivative(a).neg();
    case "exp":
      return value.mul(derivative(a));
    default:
      return constant(0);
  }
}
