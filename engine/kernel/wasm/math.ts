/**
 * exp, log, sin, cos, atan and erf, and what is near them, on four lanes, written as WebAssembly vector code (which has none
 * of them), with the polynomials of `language/elementary.ts`. In float32 the functions stay within 2 units in the last place
 * (log1p and atan: 2.5; erf: 1e-7 absolute), fused or not.
 */

import {
  ATAN,
  COS,
  ERF_SMALL,
  EXP,
  LN2_REST,
  LN2_SHORT,
  LOG,
  LOG_ERFC,
  PI_REST,
  SIN,
  SQRT_HALF_BITS,
} from "../language/elementary.ts";
import type { Local, WasmFunction } from "./assembler.ts";
import type { PlainOp } from "./opcodes.ts";

export type VectorMathOp = "exp" | "expm1" | "log" | "log1p" | "sin" | "cos" | "atan" | "erf";

/** Emits the function for the vector in `x`; returns the local of the result. */
export function emitVectorMath(code: VectorCode, op: VectorMathOp, x: Local): Local {
  switch (op) {
    case "exp":
      return exp(code, x);
    case "expm1":
      return expm1(code, x);
    case "log":
      return log(code, x);
    case "log1p":
      return log1p(code, x);
    case "sin":
    case "cos":
      return sineOrCosine(code, op, x);
    case "atan":
      return atan(code, x);
    case "erf":
      return erf(code, x);
  }
}

/** Vector instructions with operands and results in locals, so that formulas read from left to right. */
export class VectorCode {
  constructor(readonly f: WasmFunction, readonly fusedMultiplyAdd: boolean) {}

  op(name: PlainOp, ...operands: Local[]): Local {
    for (const operand of operands) this.f.get(operand);
    return this.#result(name);
  }
  float(value: number): Local {
    return this.f.hoisted(value);
  }
  int(value: number): Local {
    return this.f.hoisted(value, "i32x4");
  }
  shift(name: "i32x4.shl" | "i32x4.shr_s" | "i32x4.shr_u", a: Local, bits: number): Local {
    this.f.get(a).i32(bits);
    return this.#result(name);
  }
  shuffle(a: Local, b: Local, lanes: readonly number[]): Local {
    const result = this.f.local("v128");
    this.f.get(a).get(b).shuffle(lanes).set(result);
    return result;
  }
  add(a: Local, b: Local): Local {
    return this.op("f32x4.add", a, b);
  }
  sub(a: Local, b: Local): Local {
    return this.op("f32x4.sub", a, b);
  }
  mul(a: Local, b: Local): Local {
    return this.op("f32x4.mul", a, b);
  }
  /** a * b + c */
  multiplyAdd(a: Local, b: Local, c: Local): Local {
    return this.fusedMultiplyAdd ? this.op("f32x4.relaxed_madd", a, b, c) : this.add(this.mul(a, b), c);
  }
  /** c0 + c1 x + c2 x² + … */
  polynomial(x: Local, coefficients: readonly number[]): Local {
    const constants = coefficients.map((c) => this.float(c));
    return constants.reduceRight((sum, c) => this.multiplyAdd(sum, x, c));
  }
  select(mask: Local, whenTrue: Local, whenFalse: Local): Local {
    return this.op("v128.bitselect", whenTrue, whenFalse, mask);
  }

  #result(name: PlainOp): Local {
    const result = this.f.local("v128");
    this.f.op(name).set(result);
    return result;
  }
}

/**
 * e^x = 2^k e^r with k = round(x / ln 2) and |r| <= ln 2 / 2. ln 2 is split in two, the first part so short that k times it is exact.
 * 2^k is multiplied in two halves, for the sake of results below 2^-126 and of overflow to infinity.
 */
function exp(v: VectorCode, argument: Local): Local {
  // pmax and pmin pass on a NaN in their first operand.
  const x = v.op("f32x4.pmin", v.op("f32x4.pmax", argument, v.float(-105)), v.float(89));
  const { shifted, rest: aboveOne } = splitPower(v, x);
  const power = v.add(aboveOne, v.float(1));
  // The nine lowest bits of ROUNDING, and of its half, are zero: only k is left when 23 bits are shifted out.
  const half = v.shift("i32x4.shr_s", shifted, 1);
  const rest = v.op("i32x4.sub", shifted, half);
  return v.mul(v.mul(power, powerOfTwo(v, half)), powerOfTwo(v, rest));
}

/** e^x = 2^k (1 + rest), with k in the nine lowest bits of `shifted`. */
function splitPower(v: VectorCode, x: Local): { readonly shifted: Local; readonly rest: Local } {
  // Added to 1.5 * 2^23, k moves into the lowest bits of the sum, rounded and as an integer.
  const shifted = v.multiplyAdd(x, v.float(Math.LOG2E), v.float(ROUNDING));
  const k = v.sub(shifted, v.float(ROUNDING));
  const r = v.multiplyAdd(k, v.float(LN2_REST), v.multiplyAdd(k, v.float(-LN2_SHORT), x));
  const p = v.polynomial(r, EXP);
  return { shifted, rest: v.multiplyAdd(p, v.mul(r, r), r) };
}

/** Up to 16, 2^k rest + (2^k - 1), where 2^k - 1 is exact and as large as it must be for nothing to cancel. */
function expm1(v: VectorCode, x: Local): Local {
  const limit = v.float(16);
  const { shifted, rest } = splitPower(v, v.op("f32x4.pmin", v.op("f32x4.pmax", x, v.float(-16)), limit));
  const scale = powerOfTwo(v, shifted);
  const near = v.multiplyAdd(scale, rest, v.sub(scale, v.float(1)));
  return v.select(v.op("f32x4.lt", v.op("f32x4.abs", x), limit), near, v.sub(exp(v, x), v.float(1)));
}

/** Floats of this size have no bits below 1. */
const ROUNDING = 1.5 * 2 ** 23;

/** 2^n for integers -126 <= n <= 127 in the nine lowest bits: the exponent bits of a float. */
function powerOfTwo(v: VectorCode, n: Local): Local {
  return v.shift("i32x4.shl", v.op("i32x4.add", n, v.int(127)), 23);
}

/** log x = k ln 2 + log m with m in [√½, √2); log m as at `LOG`. */
function log(v: VectorCode, x: Local): Local {
  const tiny = v.op("f32x4.lt", x, v.float(2 ** -126));
  const scaled = v.select(tiny, v.mul(x, v.float(2 ** 24)), x); // subnormal numbers
  const bits = v.op("i32x4.sub", scaled, v.int(SQRT_HALF_BITS)); // carries into the exponent at √2 instead of at 2
  const exponent = v.op("f32x4.convert_i32x4_s", v.shift("i32x4.shr_s", bits, 23));
  const k = v.sub(exponent, v.op("v128.and", tiny, v.float(24)));
  const m = v.op("i32x4.add", v.op("v128.and", bits, v.int(0x007fffff)), v.int(SQRT_HALF_BITS));
  const f = v.sub(m, v.float(1));
  const { s, halfSquare, R } = logTerms(v, f);
  const correction = v.multiplyAdd(k, v.float(-LN2_REST), v.mul(s, v.add(halfSquare, R)));
  const result = v.multiplyAdd(k, v.float(LN2_SHORT), v.sub(f, v.sub(halfSquare, correction)));
  // log 0 = -∞; of negative numbers and NaN: NaN; log ∞ = ∞.
  const zero = v.op("f32x4.eq", x, v.float(0));
  const infinite = v.op("f32x4.eq", x, v.float(Infinity));
  const invalid = v.op("v128.not", v.op("f32x4.ge", x, v.float(0)));
  const special = v.select(zero, v.float(-Infinity), v.select(infinite, x, result));
  return v.op("v128.or", special, invalid); // all bits set is a NaN
}

/** What log(1 + f) is put together of, as at `LOG`. */
function logTerms(v: VectorCode, f: Local): Readonly<Record<"s" | "halfSquare" | "R", Local>> {
  const s = v.op("f32x4.div", f, v.add(f, v.float(2)));
  const z = v.mul(s, s);
  const R = v.mul(z, v.polynomial(z, LOG));
  return { s, R, halfSquare: v.mul(v.mul(f, f), v.float(0.5)) };
}

/** Where 1 + x is in [√½, √2), as `LOG` without ever rounding 1 + x; beyond, rounding it does not matter. */
function log1p(v: VectorCode, x: Local): Local {
  const { s, halfSquare, R } = logTerms(v, x);
  const near = v.sub(x, v.sub(halfSquare, v.mul(s, v.add(halfSquare, R))));
  const isNear = v.op("f32x4.lt", v.op("f32x4.abs", v.sub(x, v.float(0.06))), v.float(0.35));
  return v.select(isNear, near, log(v, v.add(x, v.float(1))));
}

/** Beyond tan π/8 of |x|, π/4 + atan((|x| - 1) / (|x| + 1)); beyond tan 3π/8, π/2 - atan(1 / |x|); as at `ATAN`. */
function atan(v: VectorCode, x: Local): Local {
  const magnitude = v.op("f32x4.abs", x);
  const [middle, large] = [TAN_PI_8, 1 / TAN_PI_8].map((limit) => v.op("f32x4.lt", v.float(limit), magnitude));
  const choose = (whenLarge: Local, whenMiddle: Local, otherwise: Local) =>
    v.select(large, whenLarge, v.select(middle, whenMiddle, otherwise));
  const one = v.float(1);
  const t = v.op(
    "f32x4.div",
    choose(v.float(-1), v.sub(magnitude, one), magnitude),
    choose(magnitude, v.add(magnitude, one), one),
  );
  const z = v.mul(t, t);
  const angle = v.multiplyAdd(v.mul(v.polynomial(z, ATAN), z), t, t);
  const base = choose(v.float(Math.PI / 2), v.float(Math.PI / 4), v.float(0));
  const sum = v.add(base, v.multiplyAdd(base, v.float(PI_REST), angle));
  return v.op("v128.or", sum, v.op("v128.and", x, v.int(-2147483648)));
}

const TAN_PI_8 = Math.SQRT2 - 1;

/**
 * x = k π/2 + r with |r| <= π/4; the quarter k mod 4 says whether sin r or cos r and with which sign. The reduction is done in
 * float64, so that large angles keep their phase: the absolute error stays below 1e-7 up to |x| = 1e8.
 */
function sineOrCosine(v: VectorCode, op: "sin" | "cos", x: Local): Local {
  const high = v.shuffle(x, x, [2, 3, 2, 3]);
  const [k, r] = joinHalves(v, reduceQuarters(v, x), reduceQuarters(v, high));
  const z = v.mul(r, r);
  const sineTail = v.polynomial(z, SIN);
  const sine = v.multiplyAdd(v.mul(sineTail, z), r, r);
  const cosineTail = v.polynomial(z, COS);
  const cosine = v.add(v.multiplyAdd(v.mul(z, z), cosineTail, v.mul(z, v.float(-0.5))), v.float(1));
  // The cosine is the sine one quarter further on.
  const quarter = op === "sin" ? k : v.op("i32x4.add", k, v.int(1));
  const odd = v.op("i32x4.ne", v.op("v128.and", quarter, v.int(1)), v.int(0));
  const sign = v.shift("i32x4.shl", v.op("v128.and", quarter, v.int(2)), 30);
  return v.op("v128.xor", v.select(odd, cosine, sine), sign);
}

/** Of the two lower lanes: k (as i32, in the lower lanes) and r (as f32). */
function reduceQuarters(v: VectorCode, x: Local): [k: Local, r: Local] {
  const wide = v.op("f64x2.promote_low_f32x4", x);
  const k = v.op("f64x2.nearest", v.op("f64x2.mul", wide, float64(v, 2 / Math.PI)));
  const r = v.op("f64x2.sub", wide, v.op("f64x2.mul", k, float64(v, Math.PI / 2)));
  return [v.op("i32x4.trunc_sat_f64x2_s_zero", k), v.op("f32x4.demote_f64x2_zero", r)];
}

function joinHalves(v: VectorCode, low: readonly Local[], high: readonly Local[]): Local[] {
  return low.map((l, i) => v.shuffle(l, high[i], [0, 1, 4, 5]));
}

function float64(v: VectorCode, value: number): Local {
  const words = new Int32Array(new Float64Array([value, value]).buffer);
  return v.f.hoisted([...words], "i32x4");
}

/** Below 1: x + x P(x²). Above: 1 - e^Q(|x|), with Q as `LOG_ERFC`. The sign is put back at the end. */
function erf(v: VectorCode, x: Local): Local {
  const magnitude = v.op("f32x4.abs", x);
  const clamped = v.op("f32x4.pmin", magnitude, v.float(4));
  const z = v.mul(x, x);
  const tail = v.polynomial(z, ERF_SMALL);
  const inner = v.multiplyAdd(x, tail, x);
  const logarithm = v.polynomial(clamped, LOG_ERFC);
  const outer = v.sub(v.float(1), exp(v, logarithm));
  const signed = v.op("v128.or", outer, v.op("v128.and", x, v.int(-2147483648)));
  return v.select(v.op("f32x4.lt", magnitude, v.float(1)), inner, signed);
}
