/**
 * Comparisons with expected tensors of the goldens, each reported as the error over its tolerance. The tolerances are those
 * of the goldens' README.
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
  readonly nonfinite?: unknown;
}

/** Keeps the worst error over tolerance, and where it was. */
export class Worst {
  ratio = 0;
  where = "";

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
  equal(where: string, got: ArrayLike<number>, expected: readonly number[]): void {
    const same = got.length === expected.length && expected.every((value, i) => value === got[i]);
    this.add(where, same ? 0 : Infinity);
  }
}

const numberOf = (entry: Entry): number =>
  typeof entry === "number" ? entry : entry === "inf" ? Infinity : entry === "-inf" ? -Infinity : NaN;

/**
 * Compares all elements that the golden has, its sum and its sum of squares. Gradients (by their name) may be sums that
 * nearly cancel: the norm of their error may be 20 times the noise, as that of their entries may.
 */
export function compareTensor(
  worst: Worst,
  where: string,
  call: { readonly got: ArrayLike<number>; readonly expected: Expected },
): void {
  const { got, expected } = call;
  const size = expected.shape.reduce((product, dimension) => product * dimension, 1);
  if (got.length !== size) return worst.add(`${where} size`, Infinity);
  const indices = expected.data ? expected.data.map((_, i) => i) : expected.idx ?? [];
  const values = (expected.data ?? expected.val ?? []).map(numberOf);
  if (expected.dtype) return worst.equal(where, indices.map((i) => got[i]), values);
  const { noise_abs = 0, noise_rms = 0, absmax = 0 } = expected;
  const tolerance = 20 * noise_abs + 2e-6 * absmax;
  indices.forEach((at, k) => {
    const [value, found] = [values[k], got[at]];
    if (!Number.isFinite(value)) worst.add(`${where}[${at}]`, Object.is(value, found) ? 0 : Infinity);
    else worst.within(`${where}[${at}]`, found, { value, tolerance });
  });
  let sum = 0, squares = 0, count = 0;
  for (let i = 0; i < got.length; i++) {
    if (!Number.isFinite(got[i])) continue;
    sum += got[i];
    squares += got[i] ** 2;
    count++;
  }
  if (expected.nonfinite === undefined && count !== size) worst.add(`${where} finite`, Infinity);
  if (expected.sumsq !== undefined) {
    const noise = where.startsWith("grad") ? 2 * 20 * noise_rms * Math.sqrt(count * expected.sumsq) : 0;
    worst.within(`${where} sumsq`, squares, { value: expected.sumsq, tolerance: 1e-5 * expected.sumsq + noise });
    if (expected.sum !== undefined) {
      const tolerance = count * noise_rms * 3 + 1e-5 * Math.sqrt(count * expected.sumsq);
      worst.within(`${where} sum`, sum, { value: expected.sum, tolerance });
    }
  }
}
