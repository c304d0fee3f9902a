/**
 * Packing: a matrix is cut into panels, each as wide as the register tile, so that the inner loop of the product reads
 * memory strictly forward (Goto and van de Geijn, "Anatomy of High-Performance Matrix Multiplication", 2008).
 *
 * A panel holds, for depth 0 … depth-1, `width` neighbouring rows of A (or columns of B). The last panel is filled up by
 * repeating its last row: what is computed from those is never stored.
 */

import type { Local, WasmFunction } from "../../../kernel/wasm/assembler.ts";
import { namedFunction } from "./function.ts";

/**
 * So many panels are copied at once where memory runs along the panel: a row is then read in whole cache lines. One
 * panel at a time, its lines would be gone before the next comes, where rows lie a multiple of 4 KiB apart.
 */
export const WIDE = 4;

/**
 * `pack(scratch, source, target, count, depth, step, depthStep, panelBytes)`: `count` rows that lie `step` bytes apart, of `depth`
 * elements that lie `depthStep` bytes apart, go to panels that start `panelBytes` apart. (A task's scratch is not needed.)
 */
export function packFunction(name: string, width: number): WasmFunction {
  const { f, at } = namedFunction(
    name,
    ["scratch", "source", "target", "count", "depth", "step", "depthStep", "panelBytes"],
  );
  const [first, out, left, last] = f.locals("i32", 4);
  const rows = f.locals("i32", width);
  const vectors = transposeLocals(f, width);
  const wide = wideCopy(f, width);
  const single = () => {
    // Rows past the end stand on the last one.
    f.get(at.count).get(first).op("i32.sub").i32(1).op("i32.sub").set(last);
    rows.forEach((row, i) => {
      f.get(at.source);
      f.i32(i).get(last).i32(i).get(last).op("i32.lt_s").op("select");
      f.get(at.step).op("i32.mul").op("i32.add").set(row);
    });
    f.get(at.step).i32(4).op("i32.eq").get(last).i32(width - 1).op("i32.ge_s").op("i32.and").if(() => {
      countDown(f, left, 1, () => {
        copyAcross(f, width, { from: rows[0], to: out });
        f.increase(out, width * 4).get(rows[0]).get(at.depthStep).op("i32.add").set(rows[0]);
      });
    });
    f.get(at.depthStep).i32(4).op("i32.eq").if(() => {
      countDown(f, left, 4, () => {
        transposeFour(f, width, { ...vectors, out, load: (i) => f.get(rows[i]).memory("v128.load") });
        rows.forEach((row) => f.increase(row, 16));
        f.increase(out, width * 16);
      });
    });
    countDown(f, left, 1, () => {
      rows.forEach((row, i) => {
        f.get(out).get(row).memory("f32.load").memory("f32.store", i * 4);
        f.get(row).get(at.depthStep).op("i32.add").set(row);
      });
      f.increase(out, width * 4);
    });
  };
  f.forRange(first, { start: () => f.i32(0), end: () => f.get(at.count), step: width }, () => {
    f.get(at.target).set(out).get(at.depth).set(left);
    f.get(at.step).i32(4).op("i32.eq").get(at.count).get(first).op("i32.sub").i32(WIDE * width).op("i32.ge_s");
    f.op("i32.and").if(() => {
      wide.start(at.target, at.panelBytes);
      f.get(at.source).set(rows[0]);
      countDown(f, left, 1, () => {
        wide.copy(rows[0]);
        f.get(rows[0]).get(at.depthStep).op("i32.add").set(rows[0]);
      });
      f.increase(first, (WIDE - 1) * width).increase(at.source, (WIDE - 1) * width * 4);
      f.get(at.panelBytes).i32(WIDE - 1).op("i32.mul").get(at.target).op("i32.add").set(at.target);
    }, single);
    f.get(at.step).i32(width).op("i32.mul").get(at.source).op("i32.add").set(at.source);
    f.get(at.target).get(at.panelBytes).op("i32.add").set(at.target);
  });
  return f;
}

/** Copies rows across `WIDE` panels. */
export function wideCopy(f: WasmFunction, width: number) {
  const outs = f.locals("i32", WIDE);
  return {
    /** Stands on the first row of the panels. */
    start(target: Local, panelBytes: Local): void {
      f.get(target).set(outs[0]);
      outs.slice(1).forEach((out, p) => f.get(outs[p]).get(panelBytes).op("i32.add").set(out));
    },
    /** Copies one row and stands on the next. */
    copy(from: Local): void {
      outs.forEach((to, p) => copyAcross(f, width, { from, to, offset: p * width * 4 }));
      outs.forEach((to) => f.increase(to, width * 4));
    },
  };
}

/** While `left` >= `by`: the body, then left -= by. */
export function countDown(f: WasmFunction, left: Local, by: number, body: () => void): void {
  f.get(left).i32(by).op("i32.ge_s").if(() => {
    f.loop((again) => {
      body();
      f.get(left).i32(by).op("i32.sub").tee(left).i32(by).op("i32.ge_s").branchIf(again);
    });
  });
}

/** Copies `width` neighbouring elements, read `offset` bytes behind `from`. */
function copyAcross(
  f: WasmFunction,
  width: number,
  { from, to, offset = 0 }: { readonly from: Local; readonly to: Local; readonly offset?: number },
): void {
  let i = 0;
  for (; i + 4 <= width; i += 4) f.get(to).get(from).memory("v128.load", offset + i * 4).memory("v128.store", i * 4);
  if (i + 2 <= width) {
    f.get(to).get(from).memory("v128.load64_zero", offset + i * 4);
    f.memoryLane("v128.store64_lane", { lane: 0, offset: i * 4 });
    i += 2;
  }
  if (i < width) f.get(to).get(from).memory("f32.load", offset + i * 4).memory("f32.store", i * 4);
}

interface TransposeLocals {
  readonly rows: readonly Local[];
  readonly halves: readonly Local[];
}

export function transposeLocals(f: WasmFunction, width: number): TransposeLocals {
  return { rows: f.locals("v128", Math.min(width, 4)), halves: f.locals("v128", 4) };
}

/**
 * Four depths of `width` rows, given as a vector per row, become four vectors of `width` at `out`: 4x4 transposes by
 * interleaving twice, and pairs or single lanes for the rows that are left over.
 */
export function transposeFour(
  f: WasmFunction,
  width: number,
  { rows, halves, out, load }: TransposeLocals & { readonly out: Local; readonly load: (row: number) => void },
): void {
  const place = (depth: number, row: number) => (depth * width + row) * 4;
  let i = 0;
  for (; i + 4 <= width; i += 4) {
    for (let r = 0; r < 4; r++) {
      load(i + r);
      f.set(rows[r]);
    }
    f.get(rows[0]).get(rows[1]).shuffle([0, 4, 1, 5]).set(halves[0]);
    f.get(rows[0]).get(rows[1]).shuffle([2, 6, 3, 7]).set(halves[1]);
    f.get(rows[2]).get(rows[3]).shuffle([0, 4, 1, 5]).set(halves[2]);
    f.get(rows[2]).get(rows[3]).shuffle([2, 6, 3, 7]).set(halves[3]);
    for (let depth = 0; depth < 4; depth++) {
      const low = halves[depth >> 1];
      const high = halves[(depth >> 1) + 2];
      f.get(out).get(low).get(high).shuffle(depth % 2 === 0 ? [0, 1, 4, 5] : [2, 3, 6, 7]);
      f.memory("v128.store", place(depth, i));
    }
  }
  if (i + 2 <= width) {
    load(i);
    f.set(rows[0]);
    load(i + 1);
    f.set(rows[1]);
    f.get(rows[0]).get(rows[1]).shuffle([0, 4, 1, 5]).set(halves[0]);
    f.get(rows[0]).get(rows[1]).shuffle([2, 6, 3, 7]).set(halves[1]);
    for (let depth = 0; depth < 4; depth++) {
      f.get(out).get(halves[depth >> 1]);
      f.memoryLane("v128.store64_lane", { lane: depth % 2, offset: place(depth, i) });
    }
    i += 2;
  }
  if (i < width) {
    load(i);
    f.set(rows[0]);
    for (let depth = 0; depth < 4; depth++) {
      f.get(out).get(rows[0]).memoryLane("v128.store32_lane", { lane: depth, offset: place(depth, i) });
    }
  }
}
