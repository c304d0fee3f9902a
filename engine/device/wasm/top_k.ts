/**
 * The k largest of each row, in order. Floats become integers that sort the same way; three passes over counts of their
 * bits (11, 11 and 10) find the k-th largest without sorting the row; what is larger, and as many of its equals as fit, is
 * then sorted. Stable: of equal values the lower index comes first.
 */

import type { TopKCall } from "../device.ts";

interface TopKViews {
  readonly floats: Float32Array;
  readonly ints: Int32Array;
  /** Offsets in elements. */
  readonly input: number;
  readonly values: number;
  readonly indices: number;
}

const POSITION_RANGE = 2 ** 21;

export function topK({ rows, length, k }: Pick<TopKCall, "rows" | "length" | "k">, views: TopKViews): void {
  const keys = new Uint32Array(length);
  const chosen = new Uint32Array(k);
  const order = new Float64Array(k);
  for (let row = 0; row < rows; row++) {
    const start = views.input + row * length;
    for (let i = 0; i < length; i++) keys[i] = sortableKey(views.ints[start + i]);
    choose(keys, chosen);
    // Chosen elements lie in order of their index, so key and place in one float64 (32 + 21 bits) give a stable sort.
    for (let i = 0; i < k; i++) order[i] = (0xffffffff - keys[chosen[i]]) * POSITION_RANGE + i;
    order.sort();
    for (let i = 0; i < k; i++) {
      const index = chosen[order[i] % POSITION_RANGE];
      views.floats[views.values + row * k + i] = views.floats[start + index];
      views.ints[views.indices + row * k + i] = index;
    }
  }
}

/** Larger floats get larger keys; -0 equals 0; every NaN is largest. */
function sortableKey(bits: number): number {
  if ((bits & 0x7fffffff) > 0x7f800000) return 0xffffffff;
  if (bits === -0x80000000) return 0x80000000;
  return (bits < 0 ? ~bits : bits | 0x80000000) >>> 0;
}

/** Fills `chosen` with the indices of the largest keys, in order of index. */
function choose(keys: Uint32Array, chosen: Uint32Array): void {
  const k = chosen.length;
  if (k === keys.length) {
    for (let i = 0; i < k; i++) chosen[i] = i;
    return;
  }
  if (k === 0) return;
  const { threshold, equals } = kthLargest(keys, k);
  let left = equals;
  let count = 0;
  for (let i = 0; count < k; i++) {
    if (keys[i] > threshold || (keys[i] === threshold && left-- > 0)) chosen[count++] = i;
  }
}

/** The k-th largest key, and how many keys equal to it belong to the k largest. */
function kthLargest(keys: Uint32Array, k: number): { threshold: number; equals: number } {
  let prefix = 0;
  let left = k;
  let decided = 0; // bits of the threshold that are known, from the top
  for (const bits of [11, 11, 10]) {
    const shift = 32 - decided - bits;
    const counts = new Uint32Array(1 << bits);
    const mask = counts.length - 1;
    for (let i = 0; i < keys.length; i++) {
      // Shifting by 32 would shift by 0: at first every key takes part.
      if (decided === 0 || keys[i] >>> (32 - decided) === prefix) counts[(keys[i] >>> shift) & mask]++;
    }
    let digit = mask;
    while (counts[digit] < left) left -= counts[digit--];
    prefix = ((prefix << bits) | digit) >>> 0;
    decided += bits;
  }
  return { threshold: prefix, equals: left };
}
