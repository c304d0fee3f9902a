/**
 * The polynomials of exp, log, sin, cos, atan and erf, for every target: WebAssembly has none of these functions, and WGSL lets `sin`
 * and `cos` be wrong by 2^-11 and `exp` by 3 + 2|x| units in the last place. Each function reduces its argument to a short
 * interval, evaluates one of these there, and puts the result together again. They are our own least-maximum fits (Lawson's
 * iteration), lowest power first, rounded to float32; the errors named beside them are before rounding.
 *
 * What differs by target is how an argument is reduced, because the targets have different tools (`wasm/math.ts`,
 * `wgsl/math.ts`): WebAssembly has float64, and rounds by adding 1.5 · 2^23, which a shader's compiler may undo.
 */

/** (e^r − 1 − r) / r² for |r| ≤ ½ ln 2: 3e-9 relative to e^r. */
export const EXP: readonly number[] = [
  0.4999999403953552,
  0.16666515171527863,
  0.04166845604777336,
  0.008369418792426586,
  0.0013813144760206342,
];

/** 355/512, whose ten bits times any exponent are exact, … */
export const LN2_SHORT = 0.693359375;
/** … and what it is more than ln 2. */
export const LN2_REST: number = LN2_SHORT - Math.LN2;

/**
 * R / z of log m = f − (f²/2 − s (f²/2 + R)) with f = m − 1, s = f / (2 + f), z = s², for m in [√½, √2), so z < 0.0295: 2e-9. It
 * follows from log m = 2 artanh s = 2s + s R with R = 2z/3 + 2z²/5 + … and 2s = f − (f²/2 − s f²/2); so the large term f
 * enters without rounding.
 */
export const LOG: readonly number[] = [2 / 3, 2 / 5, 2 / 7, 2 / 9];
/** The bits of √½ as a float: subtracted from a number's, they carry into the exponent at √2 instead of at 2. */
export const SQRT_HALF_BITS = 0x3f3504f3;

/** (sin r − r) / r³ in r², for |r| ≤ π/4: 4e-9. */
export const SIN: readonly number[] = [-0.16666653752326965, 0.008332131430506706, -0.00019510839774738997];
/** (cos r − 1 + r²/2) / r⁴ in r², for |r| ≤ π/4: 1e-10. */
export const COS: readonly number[] = [0.04166664555668831, -0.0013887305976822972, 2.4431205019936897e-5];

/** (atan √z / √z − 1) / z for √z ≤ tan π/8: 3e-9 of the arc tangent, rounding included. */
export const ATAN: readonly number[] = [
  -0.33333316445350647,
  0.19998465478420258,
  -0.142434224486351,
  0.10592946410179138,
  -0.06075916066765785,
];

/** What π, π/2 and π/4 as floats are short of, relative to themselves. */
export const PI_REST: number = Math.PI / Math.fround(Math.PI) - 1;

/** erf(√z) / √z − 1 for 0 ≤ z ≤ 1: 1e-9. Without the 1, whose share x is added last, unrounded. */
export const ERF_SMALL: readonly number[] = [
  0.12837916709551256,
  -0.3761262595653534,
  0.1128358542919159,
  -0.026853812858462334,
  0.005188327748328447,
  -0.0008010193705558777,
  7.853860734030604e-5,
];
/** log erfc(x) for 0.98 ≤ x ≤ 4, weighted so that the error of e^… counts: 1e-9. From 4 on erf is 1 in float32. */
export const LOG_ERFC: readonly number[] = [
  -0.0003124692593701184,
  -1.1272022724151611,
  -0.6379650235176086,
  -0.10325620323419571,
  0.021906476467847824,
  -0.002964006271213293,
  0.00018797170196194202,
];
