import { constant, input } from "../../../../engine/kernel/language/expr.ts";
import type { EpilogueDefinition, MatrixLayout } from "../../../../engine/device/device.ts";
import { compare, gpuTest, numbers, serialSum } from "../../../helpers/gpu_bench.ts";

interface Product {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly outer?: number;
  readonly inner?: number;
  readonly transposeA?: boolean;
  readonly transposeB?: boolean;
  readonly shareB?: boolean;
  readonly epilogue?: EpilogueDefinition;
}

const everything: EpilogueDefinition = {
  name: "scale, bias, residual, relu",
  value: input(0).mul(input(1)).add(input(2)).add(input(3)).max(0),
  operands: ["row", "column", "element"],
};
const bounded: EpilogueDefinition = {
  name: "sigmoid",
  value: constant(1).div(input(0).neg().exp().add(1)),
  operands: [],
};

/** [outer, rows, inner, columns], as heads of attention lie, or with rows and columns exchanged. */
function heads(rows: number, columns: number, options: { inner: number; transposed?: boolean }): MatrixLayout {
  const { inner, transposed } = options;
  if (transposed) return { ...heads(columns, rows, { inner }), row: 1, column: inner * rows };
  return { outer: rows * inner * columns, row: inner * columns, inner: columns, column: 1 };
}

const products: readonly Product[] = [
  { m: 1, n: 1, k: 1 },
  { m: 37, n: 53, k: 29 },
  { m: 70, n: 65, k: 17, transposeA: true },
  { m: 9, n: 130, k: 33, transposeB: true },
  { m: 66, n: 67, k: 68, transposeA: true, transposeB: true },
  { m: 13, n: 7, k: 5, outer: 3, inner: 4 },
  { m: 5, n: 70, k: 19, outer: 2, inner: 3, transposeB: true, shareB: true, epilogue: bounded },
  { m: 33, n: 20, k: 31, outer: 2, epilogue: everything },
  { m: 3, n: 5, k: 0, epilogue: everything },
  { m: 0, n: 5, k: 3 },
  // Few outputs and a long sum: cut into parts where the tiles are shared.
  { m: 6, n: 10, k: 3001, transposeA: true },
];

for (const tiles of ["registers", "shared"] as const) {
  gpuTest(`products tiled in ${tiles} agree with float64 for every layout, batch and epilogue`, async (gpu) => {
    for (const product of products) {
      const { m, n, k, outer = 1, inner = 1, epilogue } = product;
      const aLayout = heads(m, k, { inner, transposed: product.transposeA });
      const ownB = heads(k, n, { inner, transposed: product.transposeB });
      const bLayout = product.shareB ? { ...ownB, outer: 0 } : ownB;
      const outLayout = heads(m, n, { inner });
      const size = outer * inner * m * n;
      await compare(gpu, async (bench) => {
        const out = bench.empty(size);
        const sizes = { row: m, column: n, element: size };
        bench.device.matmul({
          ...{ m, n, k, outerBatch: outer, innerBatch: inner },
          a: bench.put(numbers(outer * inner * m * k)),
          aLayout,
          b: bench.put(numbers(outer * inner * k * n, 2)),
          bLayout,
          out,
          outLayout,
          epilogue: epilogue && {
            definition: epilogue,
            operands: epilogue.operands.map((per, i) => bench.put(numbers(sizes[per], i + 3))),
          },
        });
        return [await bench.floats(out, size)];
      }, { scale: serialSum(k) });
    }
  }, { tiles });
}

gpuTest("more tiles than 65535 are all computed", (gpu) =>
  compare(gpu, async (bench) => {
    const m = 8 * 65_600 + 3;
    const out = bench.empty(m);
    const row = { row: 1, column: 1, outer: 0, inner: 0 };
    bench.device.matmul({
      ...{ m, n: 1, k: 1, outerBatch: 1, innerBatch: 1 },
      a: bench.put(numbers(m)),
      aLayout: row,
      b: bench.put(numbers(1, 5)),
      bLayout: row,
      out,
      outLayout: row,
    });
    return [await bench.floats(out, m)];
  }));
