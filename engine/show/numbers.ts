/** Numbers of a tensor as people read them: in one notation for all of them, with as few digits as tell them apart. */

/** Digits behind the point at most; the rest would be noise in most of what is looked at. */
const DIGITS = 4;
/** From here on, and where a number that is not 0 would be shown as 0, powers of ten are told by an exponent. */
const LARGE = 1e6, SMALL = 0.5 * 10 ** -DIGITS;

/** A notation that suits all of these numbers. */
export function notationFor(values: readonly number[]): (value: number) => string {
  const finite = values.filter(Number.isFinite);
  const largest = finite.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const write = finite.every(Number.isInteger) && largest < Number.MAX_SAFE_INTEGER
    ? String
    : largest >= LARGE || finite.some((value) => value !== 0 && Math.abs(value) < SMALL)
    ? (value: number) => value.toExponential(DIGITS)
    : fixed(finite);
  return (value) => Number.isFinite(value) ? write(value) : String(value);
}

function fixed(values: readonly number[]): (value: number) => string {
  const digits = values.reduce((most, value) => Math.max(most, digitsOf(value)), 1);
  return (value) => value.toFixed(digits);
}

/** Digits behind the point that are not zeros at the end. */
function digitsOf(value: number): number {
  const [, digits = ""] = value.toFixed(DIGITS).replace(/0+$/, "").split(".");
  return digits.length;
}
