/**
 * The assignment of least total cost between queries and targets (the "Hungarian" matching of DETR).
 *
 * Shortest augmenting paths after Jonker and Volgenant, in the rectangular form of Crouse, "On implementing 2D
 * rectangular assignment algorithms" (2016), the method behind scipy's `linear_sum_assignment`. Each row in turn is
 * joined to a free column by the cheapest alternating path, found as Dijkstra would on costs reduced by dual variables;
 * the duals keep all reduced costs at 0 or above. O(rows^2 * columns), exact.
 */

import { DinogradError } from "../../engine/errors.ts";

/** Pairs of the assignment: `rows[i]` goes with `columns[i]`; `rows` ascends. */
export interface Assignment {
  readonly rows: Int32Array;
  readonly columns: Int32Array;
}

/**
 * Assign `min(rows, columns)` pairs so that the sum of their costs is least.
 *
 * @param cost row-major, `[shape[0], shape[1]]`, in DETR `[queries, targets]`.
 * @throws RangeError where the length does not fit the shape; DinogradError("nonfinite") for a cost that is NaN or
 * infinite, which comes from predictions that are.
 */
export function linearSumAssignment(cost: Float64Array, shape: readonly [rows: number, columns: number]): Assignment {
  const [rows, columns] = shape;
  if (cost.length !== rows * columns) {
    throw new RangeError(
      `linearSumAssignment: expected ${rows} x ${columns} costs but found ${cost.length}`,
    );
  }
  for (let i = 0; i < cost.length; i++) {
    if (!Number.isFinite(cost[i])) {
      throw new DinogradError(
        "nonfinite",
        `linearSumAssignment: expected finite costs but found ${cost[i]} at row ${Math.floor(i / columns)}, ` +
          `column ${i % columns}`,
      );
    }
  }
  // The search gives every row a column, so the shorter side must be the rows. There are far fewer targets than queries.
  if (columns < rows) {
    const transposed = new Float64Array(cost.length);
    for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) transposed[j * rows + i] = cost[i * columns + j];
    const rowOfColumn = assignRows(transposed, columns, rows);
    const order = Int32Array.from(rowOfColumn.keys()).sort((a, b) => rowOfColumn[a] - rowOfColumn[b]);
    return { rows: order.map((column) => rowOfColumn[column]), columns: order };
  }
  return { rows: Int32Array.from({ length: rows }, (_, i) => i), columns: assignRows(cost, rows, columns) };
}

/** The column of each row; `rows <= columns`. */
function assignRows(cost: Float64Array, rows: number, columns: number): Int32Array {
  const rowDual = new Float64Array(rows);
  const columnDual = new Float64Array(columns);
  const columnOfRow = new Int32Array(rows).fill(-1);
  const rowOfColumn = new Int32Array(columns).fill(-1);
  const distance = new Float64Array(columns);
  const cameFrom = new Int32Array(columns);
  const rowSeen = new Uint8Array(rows);
  const columnDone = new Uint8Array(columns);
  const open = new Int32Array(columns);

  for (let start = 0; start < rows; start++) {
    distance.fill(Infinity);
    rowSeen.fill(0);
    columnDone.fill(0);
    // Columns are tried from the last to the first and removed by swapping, so equal costs end as they do in scipy.
    for (let k = 0; k < columns; k++) open[k] = columns - 1 - k;
    let remaining = columns;
    let length = 0;
    let row = start;
    let end = -1;
    while (end < 0) {
      rowSeen[row] = 1;
      let best = -1;
      let shortest = Infinity;
      for (let k = 0; k < remaining; k++) {
        const column = open[k];
        const through = length + cost[row * columns + column] - rowDual[row] - columnDual[column];
        if (through < distance[column]) {
          distance[column] = through;
          cameFrom[column] = row;
        }
        // Of equally near columns a free one ends the search at once.
        if (distance[column] < shortest || (distance[column] === shortest && rowOfColumn[column] < 0)) {
          shortest = distance[column];
          best = k;
        }
      }
      length = shortest;
      const column = open[best];
      if (rowOfColumn[column] < 0) end = column;
      else row = rowOfColumn[column];
      columnDone[column] = 1;
      open[best] = open[--remaining];
    }
    // Duals first (they need the old matching), then flip the path.
    rowDual[start] += length;
    for (let i = 0; i < rows; i++) {
      if (rowSeen[i] === 1 && i !== start) rowDual[i] += length - distance[columnOfRow[i]];
    }
    for (let j = 0; j < columns; j++) if (columnDone[j] === 1) columnDual[j] -= length - distance[j];
    for (let column = end;;) {
      const from = cameFrom[column];
      rowOfColumn[column] = from;
      const next = columnOfRow[from];
      columnOfRow[from] = column;
      if (from === start) break;
      column = next;
    }
  }
  return columnOfRow;
}
