import { assertAlmostEquals } from "@std/assert";
import { attention as engine, ReferenceDevice, tensor } from "../../../engine/mod.ts";
import { exercise } from "./exercise.ts";

const { attention } = await exercise<typeof import("./06-attention.ts")>("06-attention");
const matrix = (rows: number, columns: number, by: number) =>
  Array.from(
    { length: rows },
    (_, r) => Array.from({ length: columns }, (_, c) => Math.sin(by * (r * columns + c + 1))),
  );

Deno.test("attention is the engine's", async () => {
  const [q, k, v] = [matrix(3, 4, 1), matrix(5, 4, 2), matrix(5, 4, 3)];
  const device = new ReferenceDevice();
  const of = (rows: number[][]) => tensor(device, Float64Array.from(rows.flat()), [1, rows.length, 4]);
  const expected = await engine(of(q), { k: of(k), v: of(v) }, { heads: 1 }).data();
  attention(q, k, v).flat().forEach((value, at) => assertAlmostEquals(value, expected[at], 1e-9));
});

Deno.test("large scores do not overflow", () => {
  const [[only]] = attention([[1000]], [[1000], [0]], [[7], [9]]);
  assertAlmostEquals(only, 7);
});
