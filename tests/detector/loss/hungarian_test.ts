import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { DinogradError } from "../../../engine/errors.ts";
import { RandomStream } from "../../../engine/random.ts";
import { type Assignment, linearSumAssignment } from "../../../detector/loss/hungarian.ts";

function total(cost: Float64Array, columns: number, { rows, columns: chosen }: Assignment): number {
  return rows.reduce((sum, row, i) => sum + cost[row * columns + chosen[i]], 0);
}

/** The least total by trying every assignment. */
function bruteForce(cost: Float64Array, rows: number, columns: number): number {
  const visit = (row: number, used: number, left: number): number => {
    if (left === 0) return 0;
    let best = rows - row > left ? visit(row + 1, used, left) : Infinity; // leave this row out
    for (let column = 0; column < columns; column++) {
      if ((used >> column) & 1) continue;
      best = Math.min(best, cost[row * columns + column] + visit(row + 1, used | (1 << column), left - 1));
    }
    return best;
  };
  return visit(0, 0, Math.min(rows, columns));
}

function assertIsAssignment(assignment: Assignment, rows: number, columns: number): void {
  const size = Math.min(rows, columns);
  assertEquals([assignment.rows.length, assignment.columns.length], [size, size]);
  assert(assignment.rows.every((row, i) => row >= 0 && row < rows && (i === 0 || row > assignment.rows[i - 1])));
  assert(assignment.columns.every((column) => column >= 0 && column < columns));
  assertEquals(new Set(assignment.columns).size, size);
}

Deno.test("the assignment is as cheap as the best of all assignments, for every small shape", () => {
  const random = RandomStream.named(7, "hungarian");
  for (let rows = 1; rows <= 6; rows++) {
    for (let columns = 1; columns <= 6; columns++) {
      for (let trial = 0; trial < 20; trial++) {
        // Half of the trials draw small integers, where ties are frequent.
        const cost = Float64Array.from({ length: rows * columns }, () => {
          return trial % 2 === 0 ? random.uniform() * 20 - 10 : random.int(4) - 1;
        });
        const assignment = linearSumAssignment(cost, [rows, columns]);
        assertIsAssignment(assignment, rows, columns);
        assertAlmostEquals(total(cost, columns, assignment), bruteForce(cost, rows, columns), 1e-12);
      }
    }
  }
});

Deno.test("no exchange of two pairs or move to a free query improves an assignment of 900 queries", () => {
  const [rows, columns] = [900, 40];
  const random = RandomStream.named(8, "hungarian");
  const cost = Float64Array.from({ length: rows * columns }, () => random.normal());
  const assignment = linearSumAssignment(cost, [rows, columns]);
  assertIsAssignment(assignment, rows, columns);
  const taken = new Set(assignment.rows);
  for (let a = 0; a < columns; a++) {
    const [row, column] = [assignment.rows[a], assignment.columns[a]];
    for (let other = 0; other < rows; other++) {
      if (!taken.has(other)) assert(cost[other * columns + column] >= cost[row * columns + column]);
    }
    for (let b = 0; b < a; b++) {
      const [row2, column2] = [assignment.rows[b], assignment.columns[b]];
      const now = cost[row * columns + column] + cost[row2 * columns + column2];
      const exchanged = cost[row * columns + column2] + cost[row2 * columns + column];
      assert(now <= exchanged + 1e-12);
    }
  }
});

Deno.test("adding a constant to all costs of a target changes nothing", () => {
  const [rows, columns] = [30, 12];
  const random = RandomStream.named(9, "hungarian");
  const cost = Float64Array.from({ length: rows * columns }, () => random.uniform());
  const shifted = cost.map((value, i) => value + (i % columns) * 8);
  assertEquals(linearSumAssignment(shifted, [rows, columns]), linearSumAssignment(cost, [rows, columns]));
});

Deno.test("no rows or no columns give no pairs", () => {
  for (const shape of [[0, 0], [0, 3], [5, 0]] as const) {
    assertEquals(linearSumAssignment(new Float64Array(0), shape).rows.length, 0);
  }
});

Deno.test("costs that are not finite are refused with their place", () => {
  for (const value of [NaN, Infinity, -Infinity]) {
    const cost = Float64Array.of(1, 2, 3, 4, value, 6);
    const error = assertThrows(() => linearSumAssignment(cost, [2, 3]), DinogradError);
    assertEquals(error.kind, "nonfinite");
    assertEquals(
      error.message,
      `linearSumAssignment: expected finite costs but found ${value} at row 1, column 1`,
    );
  }
  assertThrows(() => linearSumAssignment(new Float64Array(5), [2, 3]), RangeError, "expected 2 x 3 costs but found 5");
});
