/**
 * The inner part of the matrix product: packed panels of A times packed panels of B, one register tile of the output at
 * a time. V8 leaves about 15 vector registers: 6x8 (12 sums, 2 of B, 1 of A) fills them when multiply and add are one
 * instruction, 5x8 leaves one for the product when they are not.
 */

import type { WasmFunction } from "../../../kernel/wasm/assembler.ts";
import type { EpilogueDefinition } from "../../device.ts";
import { epilogueFunction } from "./epilogue.ts";
import { namedFunction, pushMinimum } from "./function.ts";
import { countDown } from "./pack.ts";

/** Columns of the register tile: two vectors. */
export const TILE_COLUMNS = 8;
const VECTORS = TILE_COLUMNS / 4;
/** How many depths one round of the inner loop takes. */
const UNROLL = 8;
/** Bytes of a thread's scratch where tiles at an edge wait to be copied out. */
export const TILE_BYTES = 256;

export function tileRows(fused: boolean): number {
  return fused ? 6 : 5;
}

/** The parameters of `multiply`, all i32. */
export const MULTIPLY_PARAMETERS = [
  /** Packed panels. */
  "a",
  "b",
  /** The output block's first element, its size, and the bytes between its rows. */
  "c",
  "rows",
  "columns",
  "depth",
  /** Bytes between panels. */
  "aPanel",
  "bPanel",
  "pitch",
  /** Whether to add to what the output holds. */
  "accumulate",
  /** `TILE_BYTES` of this thread's own. */
  "tile",
  /** 0, or a table of byte offsets that says where each column of the block lies. */
  "scatter",
  /** Whether this was the last part of the depth: the epilogue follows. */
  "finish",
] as const;

/** out block = (out block +) A panels · B panels, then the epilogue; operands' addresses follow the named parameters. */
export function multiplyFunction(fused: boolean, epilogue?: EpilogueDefinition): WasmFunction {
  const { f, at, rest } = namedFunction("multiply", MULTIPLY_PARAMETERS, epilogue?.operands.length ?? 0);
  const height = tileRows(fused);
  const product = tileFunction(fused);
  const flush = flushFunction();
  const finishing = epilogue && epilogueFunction(epilogue, fused);
  const [i, j, a, c, width, tall, columnOffset] = f.locals("i32", 7);
  f.forRange(j, { start: () => f.i32(0), end: () => f.get(at.columns), step: TILE_COLUMNS }, () => {
    f.get(j).i32(2).op("i32.shl").set(columnOffset);
    f.get(at.columns).get(j).op("i32.sub").set(width);
    f.get(at.c).get(columnOffset).op("i32.add").set(c);
    f.get(at.a).set(a);
    f.forRange(i, { start: () => f.i32(0), end: () => f.get(at.rows), step: height }, () => {
      f.get(at.rows).get(i).op("i32.sub").set(tall);
      f.get(tall).i32(height).op("i32.ge_s").get(width).i32(TILE_COLUMNS).op("i32.ge_s").op("i32.and");
      f.get(at.scatter).op("i32.eqz").op("i32.and").if(() => {
        f.get(a).get(at.b).get(c).get(at.depth).get(tall).get(at.pitch).get(at.accumulate).call(product);
      }, () => {
        f.get(a).get(at.b).get(at.tile).get(at.depth).get(tall).i32(TILE_COLUMNS * 4).i32(0).call(product);
        f.get(at.tile);
        // Where a table places the columns, `c` stays at the first one.
        f.get(c).get(c).get(columnOffset).op("i32.sub").get(at.scatter).op("i32.eqz").op("select");
        f.get(at.pitch);
        pushMinimum(f, tall, { constant: height });
        pushMinimum(f, width, { constant: TILE_COLUMNS }).get(at.accumulate);
        f.get(at.scatter).get(columnOffset).op("i32.add").i32(0).get(at.scatter).op("select");
        f.call(flush);
      });
      f.get(a).get(at.aPanel).op("i32.add").set(a);
      f.get(at.pitch).i32(height).op("i32.mul").get(c).op("i32.add").set(c);
    });
    f.get(at.b).get(at.bPanel).op("i32.add").set(at.b);
    if (finishing && epilogue) {
      f.get(at.finish).if(() => {
        f.get(at.c).get(columnOffset).op("i32.add").get(at.rows);
        pushMinimum(f, width, { constant: TILE_COLUMNS }).get(at.pitch);
        epilogue.operands.forEach((per, operand) => {
          f.get(rest[operand]);
          if (per !== "row") f.get(columnOffset).op("i32.add");
        });
        f.call(finishing);
      });
    }
  });
  return f;
}

/**
 * `tile(a, b, c, depth, tall, pitch, accumulate)`: one register tile of the output. A function of its own, so that nothing
 * but the inner loop competes for registers. Where a panel of A holds few rows (`tall`), what fills it up is not multiplied.
 */
function tileFunction(fused: boolean): WasmFunction {
  const { f, at } = namedFunction("tile", ["a", "b", "c", "depth", "tall", "pitch", "accumulate"]);
  const height = tileRows(fused);
  const sums = Array.from({ length: height }, () => f.locals("v128", VECTORS));
  const bVectors = f.locals("v128", VECTORS);
  const aVector = f.local("v128");

  const step = (depth: number, used: number) => {
    sums.slice(0, used).forEach((sum, r) => {
      f.get(at.a).memory("v128.load32_splat", (depth * height + r) * 4).set(aVector);
      sum.forEach((total, v) => {
        // Each vector of B is loaded right before its first use: 3 % faster than all of them first.
        if (r === 0) f.get(at.b).memory("v128.load", (depth * VECTORS + v) * 16).set(bVectors[v]);
        if (fused) f.get(aVector).get(bVectors[v]).get(total).op("f32x4.relaxed_madd").set(total);
        else f.get(aVector).get(bVectors[v]).op("f32x4.mul").get(total).op("f32x4.add").set(total);
      });
    });
  };
  const store = (used: number, addOld: boolean) =>
    sums.slice(0, used).forEach((sum, r) => {
      if (r > 0) f.get(at.c).get(at.pitch).op("i32.add").set(at.c);
      sum.forEach((total, v) => {
        f.get(at.c).get(total);
        if (addOld) f.get(at.c).memory("v128.load", v * 16).op("f32x4.add");
        f.memory("v128.store", v * 16);
      });
    });
  const rows = (used: number) => {
    for (const unroll of [UNROLL, 1]) {
      countDown(f, at.depth, unroll, () => {
        for (let depth = 0; depth < unroll; depth++) step(depth, used);
        f.increase(at.a, unroll * height * 4).increase(at.b, unroll * TILE_COLUMNS * 4);
      });
    }
    f.get(at.accumulate).if(() => store(used, true), () => store(used, false));
  };
  f.get(at.tall).i32(4).op("i32.gt_s").if(
    () => rows(height),
    () => f.get(at.tall).i32(2).op("i32.gt_s").if(() => rows(4), () => rows(2)),
  );
  return f;
}

/**
 * `flush(tile, c, pitch, tall, width, accumulate, scatter)` copies `tall` rows and `width` columns of a tile to the output,
 * one number at a time: at edges only, or where the output's columns are not neighbours.
 */
function flushFunction(): WasmFunction {
  const { f, at } = namedFunction("flush", ["tile", "c", "pitch", "tall", "width", "accumulate", "scatter"]);
  const [column, from, to, left] = f.locals("i32", 4);
  const downColumn = (addOld: boolean) =>
    countDown(f, left, 1, () => {
      f.get(to).get(from).memory("f32.load");
      if (addOld) f.get(to).memory("f32.load").op("f32.add");
      f.memory("f32.store").increase(from, TILE_COLUMNS * 4).get(to).get(at.pitch).op("i32.add").set(to);
    });
  f.get(at.width).i32(2).op("i32.shl").set(at.width);
  f.forRange(column, { start: () => f.i32(0), end: () => f.get(at.width), step: 4 }, () => {
    f.get(at.tile).get(column).op("i32.add").set(from).get(at.tall).set(left);
    f.get(at.scatter).if(
      () => f.get(at.scatter).get(column).op("i32.add").memory("i32.load").set(to),
      () => f.get(column).set(to),
    );
    f.get(to).get(at.c).op("i32.add").set(to);
    f.get(at.accumulate).if(() => downColumn(true), () => downColumn(false));
  });
  return f;
}
