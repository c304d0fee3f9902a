/**
 * Comparisons with expected tensors of the goldens, each reported as the error over its tolerance. The tolerances are those
 * of the goldens' README; where it gives none, the bound is derived here from the noise that the golden records.
 */

type Entry = number | string;

export interface Expected {
  readonly shape: readonly number[];
  readonly dtype?: string;
  readonly sum?: number;
  readonly sumsq?: number;
  readonly absmax?: number;
  readonly data?: readonly Entry[];
  readonly idx?: readonly number[];
  readonly val?: readonly Entry[];
  readonly noise_abs?: number;
  readonly noise_rel?: number;
  readonly noise_rms?: number;
  /** How many elements are no finite numbers. */
  readonly nonfinite?: number;
}

/** Keeps the worst error over tolerance and where it was, and which of a golden's expectations were looked at. */
export class Worst {
  ratio = 0;
  where = "";
  readonly #compared = new Set<unknown>();

  add(where: string, ratio: number): void {
    const value = Number.isNaN(ratio) ? Infinity : ratio;
    if (value <= this.ratio && this.where !== "") return;
    this.ratio = value;
    this.where = where;
  }
  within(where: string, got: number, { value, tolerance }: { value: number; tolerance: number }): void {
    const error = Math.abs(got - value);
    this.add(where, error === 0 ? 0 : error / tolerance);
  }
  equal<T extends number | string>(where: string, got: ArrayLike<T>, expected: readonly T[]): void {
    const same = got.length === expected.length && expected.every((value, i) => value === got[i]);
    this.add(where, same ? 0 : Infinity);
  }
  /** Notes that this part of a golden was compared; `compareTensor` does so itself. */
  compared(part: unknown): void {
    this.#compared.add(part);
  }
  /** Every expected tensor that the golden holds must have been compared. */
  requireAll(golden: unknown): void {
    for (const { path, tensor } of expectedTensors(golden, "")) {
      if (!this.#compared.has(tensor)) this.add(`${path} was not compared`, Infinity);
    }
  }
}

/** What came of one case of a golden; it passes where the worst ratio is at most 1. */
export interface NamedWorst {
  readonly name: string;
  readonly worst: Worst;
}

/** The expected tensors below a part of a golden. Specs of inputs have a kind; expected tensors have none. */
function* expectedTensors(part: unknown, path: string): Generator<{ path: string; tensor: unknown }> {
  if (typeof part !== "object" || part === null) return;
  const isTensor = "shape" in part && ("data" in part || "idx" in part);
  if (isTensor && !("kind" in part)) yield { path, tensor: part };
  else if (!isTensor) {
    for (const [name, value] of Object.entries(part)) {
      yield* expectedTensors(value, path === "" ? name : `${path}.${name}`);
    }
  }
}

const numberOf = (entry: Entry): number =>
  typeof entry === "number" ? entry : entry === "inf" ? Infinity : entry === "-inf" ? -Infinity : NaN;

/** The largest magnitude is written with six significant digits: half a unit of the last, relative. */
const SIX_DIGITS = 5e-6;

/** How far single entries may be off: the README's rule, which for forwards has a limit. */
export function entryTolerance({ noise_abs = 0, absmax = 0 }: Expected, gradient = false): number {
  const tolerance = 20 * noise_abs + 2e-6 * absmax;
  return gradient ? tolerance : Math.min(tolerance, 1e-3 * absmax);
}

/**
 * How far a sum of `count` squares may be off. The README says 1e-5 of it for forwards. A gradient that nearly cancels has
 * more noise than that, of root mean square r: as for entries we allow 20 r, an error e with |e| = 20 r sqrt(count), and
 * | |x + e|^2 - |x|^2 | <= 2 |x| |e| + |e|^2.
 */
function squaresTolerance(sumsq: number, count: number, noise: number): number {
  const error = 20 * noise * Math.sqrt(count);
  return 1e-5 * sumsq + 2 * Math.sqrt(sumsq) * error + error ** 2;
}

/** The README's rule for the sum of all elements. */
export function sumTolerance(sumsq: number, count: number, noise: number): number {
  return 3 * count * noise + 1e-5 * Math.sqrt(count * sumsq);
}

/** Compares all elements that the golden has, its sum and its sum of squares. A name that begins with "grad" is a gradient's. */
export function compareTensor(
  worst: Worst,
  where: string,
  call: { readonly got: ArrayLike<number>; readonly expected: Expected },
): void {
  const { got, expected } = call;
  worst.compared(expected);
  const size = expected.shape.reduce((product, dimension) => product * dimension, 1);
  if (got.length !== size) return worst.add(`${where} size`, Infinity);
  const indices = expected.data ? expected.data.map((_, i) => i) : expected.idx ?? [];
  const values = (expected.data ?? expected.val ?? []).map(numberOf);
  if (values.length !== indices.length || (size > 0 && values.length === 0)) {
    return worst.add(`${where} has no value for each index`, Infinity);
  }
  if (expected.dtype) return worst.equal(where, indices.map((i) => got[i]), values);
  const gradient = where.startsWith("grad");
  const tolerance = entryTolerance(expected, gradient);
  indices.forEach((at, k) => {
    const [value, found] = [values[k], got[at]];
    if (!Number.isFinite(value)) worst.add(`${where}[${at}]`, Object.is(value, found) ? 0 : Infinity);
    else worst.within(`${where}[${at}]`, found, { value, tolerance });
  });
  compareSums(worst, where, { got, expected, gradient });
}

function compareSums(
  worst: Worst,
  where: string,
  call: { readonly got: ArrayLike<number>; readonly expected: Expected; readonly gradient: boolean },
): void {
  const { got, expected, gradient } = call;
  const { sum, sumsq, absmax, noise_rms = 0 } = expected;
  let total = 0, squares = 0, largest = 0, count = 0;
  for (let i = 0; i < got.length; i++) {
    if (!Number.isFinite(got[i])) continue;
    total += got[i];
    squares += got[i] ** 2;
    largest = Math.max(largest, Math.abs(got[i]));
    count++;
  }
  worst.equal(`${where} nonfinite`, [got.length - count], [expected.nonfinite ?? 0]);
  if (absmax !== undefined) {
    const tolerance = entryTolerance(expected, gradient) + SIX_DIGITS * absmax;
    // A scale rather than a result: its rounding would hide how near the results are.
    worst.add(`${where} absmax`, Math.abs(largest - absmax) <= tolerance ? 0 : Infinity);
  }
  if (sumsq === undefined) return;
  const tolerance = squaresTolerance(sumsq, count, gradient ? noise_rms : 0);
  worst.within(`${where} sumsq`, squares, { value: sumsq, tolerance });
  if (sum === undefined) return;
  worst.within(`${where} sum`, total, { value: sum, tolerance: sumTolerance(sumsq, count, noise_rms) });
}
