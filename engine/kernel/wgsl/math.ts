/**
 * Mathematical functions in WGSL, printed into the kernels that use them, for `f32` and `vec4<f32>`.
 *
 * WGSL lets `sin` and `cos` be wrong by 2^-11 and `exp` by 3 + 2|x| units in the last place, and it lets `max` drop a
 * NaN. These are written out instead: range reduction in the manner of Cody and Waite ("Software Manual for the
 * Elementary Functions", 1980: a constant split so that its product with a small integer is exact), then the polynomials of
 * `language/elementary.ts`. They stay within a few units in the last place; `sin` and `cos` do so for |x| < 12,000.
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

export type MathFunction =
  | "is_nan"
  | "max_nan"
  | "min_nan"
  | "exp"
  | "expm1"
  | "log"
  | "log1p"
  | "sin"
  | "cos"
  | "atan"
  | "erf";

const NEEDS: Record<MathFunction, readonly MathFunction[]> = {
  is_nan: [],
  max_nan: ["is_nan"],
  min_nan: ["is_nan"],
  exp: ["is_nan"],
  expm1: ["exp"],
  log: [],
  log1p: ["log"],
  sin: [],
  cos: [],
  atan: [],
  erf: ["is_nan", "exp"],
};

/** The name of a function for scalars (`lanes` 1) or vectors of four. */
export function mathName(name: MathFunction, lanes: 1 | 4): string {
  return lanes === 1 ? `${name}1` : `${name}4`;
}

/** The text of all `wanted` functions (by `mathName`) and of what they call, each once. */
export function mathText(wanted: Iterable<string>): string {
  const done = new Set<string>();
  const parts: string[] = [];
  const add = (name: MathFunction, lanes: 1 | 4) => {
    const full = mathName(name, lanes);
    if (done.has(full)) return;
    done.add(full);
    NEEDS[name].forEach((need) => add(need, lanes));
    parts.push(definition(name, lanes));
  };
  for (const full of wanted) {
    // Names come from `mathName`, so what is before the last character is a MathFunction.
    add(full.slice(0, -1) as MathFunction, full.endsWith("1") ? 1 : 4);
  }
  return parts.join("\n");
}

/** Horner's scheme: c0 + z (c1 + z (c2 + …)). */
function polynomial(z: string, coefficients: readonly string[]): string {
  return coefficients.reduceRight((inner, c) => inner === "" ? c : `(${c} + ${z} * ${inner})`, "");
}

function definition(name: MathFunction, lanes: 1 | 4): string {
  const n = (base: MathFunction) => mathName(base, lanes);
  const [F, I, U, B] = lanes === 1
    ? ["f32", "i32", "u32", "bool"]
    : ["vec4<f32>", "vec4<i32>", "vec4<u32>", "vec4<bool>"];
  const float = (value: number) => `${F}(${Math.fround(value)})`;
  const poly = (z: string, coefficients: readonly number[]) => polynomial(z, coefficients.map(float));
  switch (name) {
    case "is_nan": // By bits: a compiler may take it that x == x always holds.
      return `fn ${n(name)}(x: ${F}) -> ${B} { return (bitcast<${U}>(x) & ${U}(0x7fffffffu)) > ${U}(0x7f800000u); }`;
    case "max_nan":
      return `fn ${n(name)}(a: ${F}, b: ${F}) -> ${F} { return select(b, a, (a > b) | ${n("is_nan")}(a)); }`;
    case "min_nan":
      return `fn ${n(name)}(a: ${F}, b: ${F}) -> ${F} { return select(b, a, (a < b) | ${n("is_nan")}(a)); }`;
    case "exp": {
      return `// e^x = 2^k e^r with |r| <= ln(2)/2; 2^k in two factors, since k may be past either end of the exponents.
fn ${n(name)}(x: ${F}) -> ${F} {
  let y = clamp(x, ${F}(-104.0), ${F}(89.0));
  let k = floor(y * ${F}(1.44269504) + ${F}(0.5));
  let r = (y - k * ${float(LN2_SHORT)}) + k * ${float(LN2_REST)};
  let e = ${F}(1.0) + (r + r * r * ${poly("r", EXP)});
  let low = ${I}(k) >> ${U}(1u);
  let high = ${I}(k) - low;
  let scaled = e * bitcast<${F}>((low + ${I}(127)) << ${U}(23u)) * bitcast<${F}>((high + ${I}(127)) << ${U}(23u));
  return select(scaled, x, ${n("is_nan")}(x));
}`;
    }
    case "log": {
      return `// ln(2^k m) = k ln 2 + ln m with sqrt(1/2) <= m < sqrt(2); numbers below the normal range count as integers times 2^-149.
fn ${n(name)}(x: ${F}) -> ${F} {
  let bits = bitcast<${I}>(x);
  let tiny = (bits > ${I}(0)) & (bits < ${I}(0x00800000));
  let normal = select(bits, bitcast<${I}>(${F}(bits)) - ${I}(1249902592), tiny);
  let k = (normal - ${I}(${SQRT_HALF_BITS})) >> ${U}(23u);
  let f = bitcast<${F}>(normal - (k << ${U}(23u))) - ${F}(1.0);
  let e = ${F}(k);
  let s = f / (${F}(2.0) + f);
  let z = s * s;
  let half_square = ${F}(0.5) * f * f;
  let correction = s * (half_square + z * ${poly("z", LOG)}) - e * ${float(LN2_REST)};
  let value = e * ${float(LN2_SHORT)} + (f - (half_square - correction));
  let high = select(value, x, bits >= ${I}(0x7f800000));
  let low = select(high, bitcast<${F}>(bits | ${I}(0x7fc00000)), bits < ${I}(0));
  return select(low, bitcast<${F}>(bits | ${I}(-8388608)), (bits & ${I}(0x7fffffff)) == ${I}(0));
}`;
    }
    case "expm1": {
      return `// Up to 16, 2^k (e^r - 1) + (2^k - 1): 2^k - 1 is exact, and nothing cancels.
fn ${n(name)}(x: ${F}) -> ${F} {
  let y = clamp(x, ${F}(-16.0), ${F}(16.0));
  let k = floor(y * ${F}(1.44269504) + ${F}(0.5));
  let r = (y - k * ${float(LN2_SHORT)}) + k * ${float(LN2_REST)};
  let scale = bitcast<${F}>((${I}(k) + ${I}(127)) << ${U}(23u));
  let near = scale * (r + r * r * ${poly("r", EXP)}) + (scale - ${F}(1.0));
  return select(${n("exp")}(x) - ${F}(1.0), near, abs(x) < ${F}(16.0));
}`;
    }
    case "log1p": {
      return `// Where 1 + x is in [sqrt(1/2), sqrt(2)), ln(1 + x) without rounding 1 + x; beyond, rounding it does not matter.
fn ${n(name)}(x: ${F}) -> ${F} {
  let s = x / (${F}(2.0) + x);
  let z = s * s;
  let half_square = ${F}(0.5) * x * x;
  let near = x - (half_square - s * (half_square + z * ${poly("z", LOG)}));
  return select(${n("log")}(${F}(1.0) + x), near, abs(x - ${F}(0.06)) < ${F}(0.35));
}`;
    }
    case "atan": {
      return `// Beyond tan(pi/8), pi/4 + atan((a - 1) / (a + 1)); beyond tan(3 pi/8), pi/2 - atan(1 / a).
fn ${n(name)}(x: ${F}) -> ${F} {
  let a = abs(x);
  let middle = a > ${float(Math.SQRT2 - 1)};
  let large = a > ${float(Math.SQRT2 + 1)};
  let above = select(select(a, a - ${F}(1.0), middle), ${F}(-1.0), large);
  let below = select(select(${F}(1.0), a + ${F}(1.0), middle), a, large);
  let t = above / below;
  let z = t * t;
  let angle = t + t * z * ${poly("z", ATAN)};
  let base = select(select(${F}(0.0), ${float(Math.PI / 4)}, middle), ${float(Math.PI / 2)}, large);
  let value = base + (angle + base * ${float(PI_REST)});
  return select(value, -value, x < ${F}(0.0));
}`;
    }
    case "sin":
    case "cos": {
      return `// x = k pi/2 + r with |r| <= pi/4; the last two bits of k say which of sin and cos of r, and its sign.
fn ${n(name)}(x: ${F}) -> ${F} {
  let k = floor(x * ${F}(0.63661977) + ${F}(0.5));
  let r = (((x - k * ${F}(1.5703125)) - k * ${F}(4.837512969970703e-4)) - k * ${F}(7.549533620476723e-8)) - k * ${F}(2.563344e-12);
  let quadrant = ${I}(k) + ${I}(${name === "sin" ? 0 : 1});
  let z = r * r;
  let s = r + r * z * ${poly("z", SIN)};
  let c = ${F}(1.0) - ${F}(0.5) * z + z * z * ${poly("z", COS)};
  let value = select(s, c, (quadrant & ${I}(1)) != ${I}(0));
  return select(value, -value, (quadrant & ${I}(2)) != ${I}(0));
}`;
    }
    case "erf": {
      return `// x plus x times a polynomial in x^2 up to 1, then 1 - e^-q(|x|): the logarithm of erfc is nearly a parabola.
fn ${n(name)}(x: ${F}) -> ${F} {
  let a = abs(x);
  let z = x * x;
  let small = x + x * ${poly("z", ERF_SMALL)};
  let t = min(a, ${F}(4.0));
  let large = ${F}(1.0) - ${n("exp")}(${poly("t", LOG_ERFC)});
  let value = select(select(large, -large, x < ${F}(0.0)), small, a < ${F}(1.0));
  return select(value, x, ${n("is_nan")}(x));
}`;
    }
  }
}
