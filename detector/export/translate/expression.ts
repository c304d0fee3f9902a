/**
 * Any pointwise operation: its expression, node by node. What the engine writes as a formula and ONNX has as an operator
 * (sigmoid, ReLU) is recognised.
 */

import type { Expr } from "../../../engine/kernel/language/expr.ts";
import { broadcastShapes } from "../../../engine/shape.ts";
import type { Value, ValueType } from "../graph.ts";
import { type Call, untranslatable } from "./call.ts";

const OPERATORS: Readonly<Partial<Record<Expr["op"], string>>> = {
  ...{ neg: "Neg", abs: "Abs", floor: "Floor", exp: "Exp", log: "Log", sqrt: "Sqrt" },
  ...{ sin: "Sin", cos: "Cos", atan: "Atan", erf: "Erf", isNaN: "IsNaN" },
  ...{ add: "Add", sub: "Sub", mul: "Mul", div: "Div", max: "Max", min: "Min", lt: "Less", le: "LessOrEqual" },
};
const CONDITIONS: readonly Expr["op"][] = ["lt", "le", "isNaN"];

const isConstant = ({ op, value }: Expr, wanted: number) => op === "constant" && value === wanted;

/** x, where the expression is 1 / (e⁻ˣ + 1). */
function insideSigmoid({ op, args: [one, sum] }: Expr): Expr | undefined {
  if (op !== "div" || !isConstant(one, 1) || sum.op !== "add" || !isConstant(sum.args[1], 1)) return undefined;
  const [power] = sum.args;
  return power.op === "exp" && power.args[0].op === "neg" ? power.args[0].args[0] : undefined;
}

/** The nodes of an expression whose inputs are those of the call and whose scalars are its options. */
export function translateExpression(call: Call, expression: Expr): Value {
  const { graph, shapes: [shape] } = call;
  const scalars = call.options as readonly number[] | undefined; // those of a pointwise operation are numbers
  const done = new Map<Expr, Value>();

  function valueOf(expr: Expr): Value {
    const known = done.get(expr);
    if (known) return known;
    const value = make(expr);
    done.set(expr, value);
    return value;
  }

  function make(expr: Expr): Value {
    const { op, args } = expr;
    if (op === "constant") return graph.floats(expr.value);
    if (op === "input") return call.value(expr.value);
    if (op === "scalar") return graph.floats(scalars?.[expr.value] ?? untranslatable(call, "too few numbers"));
    const inside = insideSigmoid(expr);
    if (inside) return graph.unary("Sigmoid", valueOf(inside));
    if (op === "max" && isConstant(args[1], 0)) return graph.unary("Relu", valueOf(args[0]));
    const values = args.map(valueOf);
    if (op === "select") return where(values);
    const operator = OPERATORS[op] ?? untranslatable(call, op);
    const type: ValueType = CONDITIONS.includes(op) ? "bool" : "float";
    const [a, b] = values;
    return b ? graph.binary(operator, [a, b], { type }) : graph.node(operator, { inputs: [a], shape: a.shape, type });
  }

  function where(inputs: readonly Value[]): Value {
    return graph.node("Where", { inputs, shape: broadcastShapes("Where", inputs.map((each) => each.shape)) });
  }

  return graph.expand(valueOf(expression), shape);
}
