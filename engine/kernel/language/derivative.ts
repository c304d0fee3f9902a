/**
 * The chain rule over an expression: d f / d input(i), again as an expression. Reverse mode, so one sweep gives all
 * inputs and shared nodes stay shared. At kinks (`max`, `min`, `abs`) it takes the conventions of PyTorch where the
 * detector can meet them: relu'(0) = 0, |x|'(0) = 0; ties of `max` and `min` give half to each side.
 */

import { OperandError } from "../../errors.ts";
import { constant, type Expr, input, select } from "./expr.ts";

const TWO_OVER_SQRT_PI = 2 / Math.sqrt(Math.PI);

/** The derivatives of `value` with respect to the inputs `wanted`, each multiplied by `seed` (the incoming gradient). */
export function derivatives(value: Expr, wanted: readonly number[], seed: Expr): Expr[] {
  const order: Expr[] = [];
  const seen = new Set<Expr>();
  const visit = (node: Expr) => {
    if (seen.has(node)) return;
    seen.add(node);
    node.args.forEach(visit);
    order.push(node);
  };
  visit(value);

  const adjoint = new Map<Expr, Expr>([[value, seed]]);
  const send = (node: Expr, term: Expr) => adjoint.set(node, adjoint.get(node)?.add(term) ?? term);
  const gradients = new Map<number, Expr>();
  for (const node of order.reverse()) {
    const g = adjoint.get(node);
    if (g === undefined) continue;
    if (node.op === "input") gradients.set(node.value, gradients.get(node.value)?.add(g) ?? g);
    else propagate(node, g, send);
  }
  return wanted.map((i) => gradients.get(i) ?? constant(0));
}

/** The derivative with respect to one input, multiplied by `seed`. */
export function derivative(value: Expr, of: Expr, seed: Expr): Expr {
  if (of.op !== "input") throw new OperandError(`derivative: expected an input but found ${of.op}`);
  return derivatives(value, [of.value], seed)[0];
}

function propagate(node: Expr, g: Expr, send: (node: Expr, term: Expr) => void): void {
  const [a, b, c] = node.args;
  const isNumber = (e: Expr) => e.op === "constant" || e.op === "scalar";
  switch (node.op) {
    case "add":
      send(a, g);
      return send(b, g);
    case "sub":
      send(a, g);
      return send(b, g.neg());
    case "mul":
      if (!isNumber(a)) send(a, g.mul(b));
      if (!isNumber(b)) send(b, g.mul(a));
      return;
    case "div":
      if (!isNumber(a)) send(a, g.div(b));
      if (!isNumber(b)) send(b, g.mul(node).div(b).neg());
      return;
    case "max":
    case "min": {
      const [upper, lower] = node.op === "max" ? [a, b] : [b, a];
      // A constant bound is a clamp or a relu: nothing flows through at the bound itself.
      const tie = isNumber(a) || isNumber(b) ? constant(0) : g.mul(0.5);
      send(a, select(lower.lt(upper), g, select(upper.lt(lower), 0, tie)));
      return send(b, select(lower.lt(upper), 0, select(upper.lt(lower), g, tie)));
    }
    case "neg":
      return send(a, g.neg());
    case "abs":
      return send(a, select(constant(0).lt(a), g, select(a.lt(0), g.neg(), 0)));
    case "exp":
      return send(a, g.mul(node));
    case "expm1":
      return send(a, g.mul(node.add(1)));
    case "log":
      return send(a, g.div(a));
    case "log1p":
      return send(a, g.div(a.add(1)));
    case "sqrt":
      return send(a, g.div(node.mul(2)));
    case "sin":
      return send(a, g.mul(a.cos()));
    case "cos":
      return send(a, g.mul(a.sin()).neg());
    case "atan":
      return send(a, g.div(a.square().add(1)));
    case "erf":
      return send(a, g.mul(a.square().neg().exp()).mul(TWO_OVER_SQRT_PI));
    case "select":
      send(b, select(a, g, 0));
      return send(c, select(a, 0, g));
    default: // leaves, comparisons and floor: nothing flows
      return;
  }
}

/** `input(index)` alone: the gradient is passed on untouched, so no kernel is needed. */
export function isPlainInput(value: Expr, index: number): boolean {
  return value.op === "input" && value.value === input(index).value;
}
