/**
 * Scalar expressions: what fills the holes of every pointwise and row kernel. An expression is a small immutable
 * graph; machines print it (`emit.ts`) and `derivative.ts` differentiates it, so no pointwise gradient is written by
 * hand. Sharing a node shares the work: it is computed once.
 */

/**
 * Functions of one number; `isNaN` gives 1 or 0.
 *
 * @category Own operations
 */
export type UnaryOp =
  | "neg"
  | "abs"
  | "floor"
  | "exp"
  | "expm1"
  | "log"
  | "log1p"
  | "sqrt"
  | "sin"
  | "cos"
  | "atan"
  | "erf"
  | "isNaN";
/**
 * Functions of two numbers; `lt` and `le` give 1 or 0.
 *
 * @category Own operations
 */
export type BinaryOp = "add" | "sub" | "mul" | "div" | "max" | "min" | "lt" | "le";
/**
 * `constant` a literal, `input` the i-th operand at this element, `scalar` the i-th number given at launch,
 * `reduced` the result of the row's reduction of that name, `kept` what a reduction has left at this element of the
 * output, `column` the position within the row.
 *
 * @category Own operations
 */
export type LeafOp = "constant" | "input" | "scalar" | "reduced" | "kept" | "column";
/**
 * What a node of an expression is.
 *
 * @category Own operations
 */
export type ExprOp = LeafOp | UnaryOp | BinaryOp | "select";

/**
 * A node of an expression. Start from `input`, `scalar` or `constant` and chain methods.
 *
 * @category Own operations
 */
export class Expr {
  private constructor(
    readonly op: ExprOp,
    readonly args: readonly Expr[],
    /** The literal of a constant, the number of an input or scalar. */
    readonly value: number,
    /** The name of a reduction. */
    readonly name: string,
  ) {}

  /** A node without operands; `value` is the literal of a constant or the number of an input, scalar or output. */
  static leaf(op: LeafOp, value = 0, name = ""): Expr {
    return new Expr(op, [], value, name);
  }
  /** A function of other nodes. Methods are the better way: they simplify. */
  static node(op: UnaryOp | BinaryOp | "select", args: readonly Expr[]): Expr {
    return new Expr(op, args, 0, "");
  }

  /** x + y. */
  add(other: Expr | number): Expr {
    return binary("add", this, lift(other));
  }
  /** x − y. */
  sub(other: Expr | number): Expr {
    return binary("sub", this, lift(other));
  }
  /** x · y. */
  mul(other: Expr | number): Expr {
    return binary("mul", this, lift(other));
  }
  /** x / y. */
  div(other: Expr | number): Expr {
    return binary("div", this, lift(other));
  }
  /** The greater of the two. */
  max(other: Expr | number): Expr {
    return binary("max", this, lift(other));
  }
  /** The smaller of the two. */
  min(other: Expr | number): Expr {
    return binary("min", this, lift(other));
  }
  /** 1 where this is less than the other, else 0; only meaningful as the condition of `select`. */
  lt(other: Expr | number): Expr {
    return binary("lt", this, lift(other));
  }
  /** 1 where this is at most the other, else 0; only meaningful as the condition of `select`. */
  le(other: Expr | number): Expr {
    return binary("le", this, lift(other));
  }
  /** 1 where this is greater than the other, else 0; only meaningful as the condition of `select`. */
  gt(other: Expr | number): Expr {
    return binary("lt", lift(other), this);
  }
  /** 1 where this is at least the other, else 0; only meaningful as the condition of `select`. */
  ge(other: Expr | number): Expr {
    return binary("le", lift(other), this);
  }
  /** 1 where this is not a number, else 0; only meaningful as the condition of `select`. */
  isNaN(): Expr {
    return Expr.node("isNaN", [this]);
  }
  /** −x. */
  neg(): Expr {
    return this.op === "constant" ? constant(-this.value) : Expr.node("neg", [this]);
  }
  /** |x|. */
  abs(): Expr {
    return Expr.node("abs", [this]);
  }
  /** The greatest integer that is not greater. */
  floor(): Expr {
    return Expr.node("floor", [this]);
  }
  /** eˣ. */
  exp(): Expr {
    return Expr.node("exp", [this]);
  }
  /** eˣ − 1, exact also near 0. */
  expm1(): Expr {
    return Expr.node("expm1", [this]);
  }
  /** The natural logarithm. */
  log(): Expr {
    return Expr.node("log", [this]);
  }
  /** The natural logarithm of 1 + x, exact also near 0. */
  log1p(): Expr {
    return Expr.node("log1p", [this]);
  }
  /** √x. */
  sqrt(): Expr {
    return Expr.node("sqrt", [this]);
  }
  /** The sine, of radians. */
  sin(): Expr {
    return Expr.node("sin", [this]);
  }
  /** The cosine, of radians. */
  cos(): Expr {
    return Expr.node("cos", [this]);
  }
  /** The arc tangent, in radians. */
  atan(): Expr {
    return Expr.node("atan", [this]);
  }
  /** The error function, 2/√π ∫₀ˣ e^(−t²) dt. */
  erf(): Expr {
    return Expr.node("erf", [this]);
  }
  /** x², computing x once. */
  square(): Expr {
    return this.mul(this);
  }
  /** 1 / x. */
  reciprocal(): Expr {
    return constant(1).div(this);
  }
  /** 1 / (1 + e^-x), written so that neither tail overflows. */
  sigmoid(): Expr {
    return this.neg().exp().add(1).reciprocal();
  }
  /** Limited to low..high. */
  clamp(low: number, high: number): Expr {
    return this.max(low).min(high);
  }
}

/**
 * A number that is part of the kernel's text, rounded to float32.
 *
 * @category Own operations
 */
export const constant = (value: number): Expr => Expr.leaf("constant", value);
export const input = (index: number): Expr => Expr.leaf("input", index);
export const scalar = (index: number): Expr => Expr.leaf("scalar", index);
export const reduced = (name: string): Expr => Expr.leaf("reduced", 0, name);
/** What a reduction with `keep` has left in output `index` (its position among the recipe's outputs). */
export const kept = (index = 0): Expr => Expr.leaf("kept", index);
export const column = (): Expr => Expr.leaf("column");
/**
 * `condition ? whenTrue : whenFalse`, of expressions; the condition is an `lt`, `le`, `gt`, `ge` or `isNaN`.
 *
 * @category Own operations
 */
export const select = (condition: Expr, whenTrue: Expr | number, whenFalse: Expr | number): Expr =>
  Expr.node("select", [condition, lift(whenTrue), lift(whenFalse)]);

function lift(x: Expr | number): Expr {
  return typeof x === "number" ? constant(x) : x;
}

const is = (e: Expr, value: number) => e.op === "constant" && e.value === value;

/** Builds a node, dropping what cannot matter (x + 0, x * 1, x * 0), which keeps derived gradients small. */
function binary(op: BinaryOp, a: Expr, b: Expr): Expr {
  if (op === "add" && is(a, 0)) return b;
  if ((op === "add" || op === "sub") && is(b, 0)) return a;
  if (op === "mul" && (is(a, 0) || is(b, 0))) return constant(0);
  if (op === "mul" && is(a, 1)) return b;
  if ((op === "mul" || op === "div") && is(b, 1)) return a;
  if (op === "div" && is(a, 0)) return constant(0);
  if (op === "mul" && is(b, -1)) return a.neg();
  if (op === "mul" && is(a, -1)) return b.neg();
  return Expr.node(op, [a, b]);
}

/** Numbers of the inputs that an expression reads, wherever in it. */
export function inputsOf(expr: Expr, into = new Set<number>(), seen = new Set<Expr>()): Set<number> {
  if (seen.has(expr)) return into;
  seen.add(expr);
  if (expr.op === "input") into.add(expr.value);
  expr.args.forEach((arg) => inputsOf(arg, into, seen));
  return into;
}

/** The same expression with every input replaced; shared nodes stay shared. */
export function substitute(expr: Expr, replace: (index: number) => Expr, done = new Map<Expr, Expr>()): Expr {
  const known = done.get(expr);
  if (known) return known;
  let result = expr;
  if (expr.op === "input") result = replace(expr.value);
  else if (expr.args.length > 0) {
    // Only inner nodes have arguments, so the op is one that `node` takes.
    result = Expr.node(expr.op as UnaryOp, expr.args.map((arg) => substitute(arg, replace, done)));
  }
  done.set(expr, result);
  return result;
}
