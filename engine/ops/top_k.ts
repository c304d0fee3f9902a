/** The largest elements of each row. */

import { captured } from "../capture.ts";
import { ArgumentError } from "../errors.ts";
import { checkTypes } from "../op.ts";
import { formatShape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";

/**
 * The largest elements of rows.
 *
 * @category Indexing
 */
export interface TopK {
  /** f32 [rows, k], largest first. */
  readonly values: Tensor;
  /** i32 [rows, k]: where they stand in their row. */
  readonly indices: Tensor;
}

/** The CPU sorts keys of 32 bits with places in one float64, which has 21 bits more. */
const LARGEST_K = 2 ** 21;

/**
 * The k largest of each row of x [rows, length], largest first; of equal ones the one with the lower index first, and NaN
 * before all; k is at most 2²¹. Has no gradient: gather with the indices where one is wanted.
 *
 * @throws {RangeError} for another shape or k
 * @category Indexing
 */
export function topK(x: Tensor, k: number): TopK {
  checkTypes({ name: "topK" }, [x]);
  if (x.rank !== 2 || !Number.isInteger(k) || k < 1 || k > x.shape[1]) {
    throw new ArgumentError(
      `topK: expected [rows, length] and 1 ≤ k ≤ length but found ${formatShape(x.shape)} and k = ${k}`,
    );
  }
  if (k > LARGEST_K) throw new ArgumentError(`topK: expected k of at most ${LARGEST_K} but found ${k}`);
  const [rows, length] = x.shape;
  const values = x.empty([rows, k]);
  const indices = x.empty([rows, k], "i32");
  const again = ([other]: readonly (Tensor | undefined)[]) => Object.values(topK(other ?? x, k));
  if (captured(() => ({ name: "topK", inputs: [x], options: { k }, outputs: [values, indices], again }))) {
    return { values, indices };
  }
  x.device.topK({ rows, length, k, input: x.buffer, values: values.buffer, indices: indices.buffer });
  return { values, indices };
}
