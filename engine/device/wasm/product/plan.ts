/**
 * How a matrix product is cut into parts. The depth is cut by its length alone, because where partial sums are rounded
 * decides the bits; the output may be cut by anything, also by the number of threads.
 */

/** A panel of this depth and 8 columns fits the first-level cache beside one of 6 rows. */
export const MAXIMUM_DEPTH = 512;
/** Rows (columns) that a task packs for itself: with `MAXIMUM_DEPTH` 150 to 380 KB, for the second-level cache. */
const MAXIMUM_ROWS = 96;
const MAXIMUM_COLUMNS = 240;
/** Tasks per thread that are wanted, so that a late thread does not keep the others waiting for long. */
const TASKS_PER_THREAD = 6;

/** How much of the depth one part takes: equal parts, of multiples of eight. */
export function depthStep(depth: number): number {
  return splitEvenly(depth, { unit: 8, most: MAXIMUM_DEPTH });
}

/** The size of equal parts (the last may be smaller): a multiple of `unit`, at most `most`, into at least `parts` if there are so many units. */
export function splitEvenly(
  total: number,
  { unit, most, parts = 1 }: { readonly unit: number; readonly most: number; readonly parts?: number },
): number {
  const units = Math.max(1, Math.ceil(total / unit));
  const count = Math.min(units, Math.max(parts, Math.ceil(total / most)));
  return Math.ceil(units / count) * unit;
}

interface OutputBlocks {
  readonly rows: number;
  readonly columns: number;
}

/** The blocks of the output that one task computes. */
export function outputBlocks(
  size: {
    readonly m: number;
    readonly n: number;
    readonly batch: number;
    readonly threads: number;
    readonly sharesB: boolean;
    readonly tile: { readonly rows: number; readonly columns: number };
  },
): OutputBlocks {
  const { m, n, batch, threads, sharesB, tile } = size;
  const wanted = threads === 1 ? 1 : Math.ceil(threads * TASKS_PER_THREAD / batch);
  // The dimension of the operand that each task packs is cut first: its packing is then done once.
  const own = sharesB
    ? splitEvenly(m, { unit: tile.rows, most: MAXIMUM_ROWS, parts: Math.min(wanted, Math.ceil(m / (2 * tile.rows))) })
    : splitEvenly(n, {
      unit: tile.columns,
      most: MAXIMUM_COLUMNS,
      parts: Math.min(wanted, Math.ceil(n / (4 * tile.columns))),
    });
  const made = Math.ceil((sharesB ? m : n) / own);
  const short = Math.ceil(Math.min(wanted, 2 * threads) / made);
  const other = sharesB
    ? splitEvenly(n, { unit: tile.columns, most: Infinity, parts: Math.min(short, Math.ceil(n / (8 * tile.columns))) })
    : splitEvenly(m, { unit: tile.rows, most: Infinity, parts: Math.min(short, Math.ceil(m / (4 * tile.rows))) });
  return sharesB ? { rows: own, columns: other } : { rows: other, columns: own };
}
