/**
 * The inner part of the matrix product: packed panels of A times packed panels of B, one register tile of the output at
 * a time. V8 leaves about 15 vector registers: 6x8 (12 sums, 2 of B, 1 of A) fills them when multiply and add are one
 * instruction, 5x8 leaves one for the product when they are not.
 */

import type { Local, WasmFunction } from "../../../kernel/wasm/assembler.ts";
import type { EpilogueDefinition } from "../../device.ts";
import { epilogueFunction } from "./epilogue.ts";
import { namedFunction, pushMinimum } from "./function.ts";
import { countDown } from "./pack.ts";

/** Columns of the register tile: two vectors. */
export const TILE_COLUMNS = 8;
const VECTORS = TILE_COLUMNS / 4;
/** How many depths one round of the inner loop takes. */
const UNROLL = 8;
/** The depths for which there is a tile without a loop; longer code no longer fits the instruction cache. */
const STRAIGHT_DEPTHS = [64, 32];
/** A chunk of the output, 48 KiB, takes all parts of the depth while it is in the second-level cache. */
const CHUNK_COLUMNS = 256;
const CHUNK_PANELS = 8;
/** Bytes of a thread's scratch where a tile at an edge waits to be copied out. */
const EDGE_BYTES = 256;
/** Bytes between the rows of a chunk that is summed up apart. */
const CHUNK_PITCH = CHUNK_COLUMNS * 4;
/** Bytes of a thread's scratch for both: the tile at an edge, then the chunk. */
export const TILE_BYTES = EDGE_BYTES + CHUNK_PANELS * tileRows(true) * CHUNK_PITCH;

export function tileRows(fused: boolean): number {
  return fused ? 6 : 5;
}

/** The parameters of `multiply`, all i32. */
const MULTIPLY_PARAMETERS = [
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

/**
 * out block = (out block +) A panels · B panels, then the epilogue; operands' addresses follow the named parameters. The
 * block is done in chunks that stay in the second-level cache, a chunk in parts of the depth that a straight tile takes.
 */
export function multiplyFunction(fused: boolean, epilogue?: EpilogueDefinition): WasmFunction {
  const { f, at, rest } = namedFunction("multiply", MULTIPLY_PARAMETERS, epilogue?.operands.length ?? 0);
  const height = tileRows(fused);
  const chunkRows = CHUNK_PANELS * height;
  const loop = tileFunction(fused);
  const straight = STRAIGHT_DEPTHS.map((depth) => straightTile(fused, depth));
  const flush = flushFunction();
  const addChunk = addChunkFunction();
  const finishing = epilogue && epilogueFunction(epilogue, fused);
  const [wholeColumns, firstColumn, endColumn, endWhole, firstRow, endRow, i, j] = f.locals("i32", 8);
  const [aChunk, s, part, straightPart, more, a, b, bPart, c, tall, offset, to, toPitch] = f.locals("i32", 13);

  const eachPanelOfA = (body: () => void) =>
    f.forRange(i, { start: () => f.get(firstRow), end: () => f.get(endRow), step: height }, () => {
      f.get(endRow).get(i).op("i32.sub").set(tall);
      pushMinimum(f, tall, { constant: height }).set(tall);
      body();
      f.get(a).get(at.aPanel).op("i32.add").set(a);
    });
  /** For each whole tile of a panel: the body, with `bPart` and `c` in place. */
  const eachWholeTile = (body: () => void) => {
    f.get(b).set(bPart);
    f.get(toPitch).get(i).get(firstRow).op("i32.sub").op("i32.mul").get(to).op("i32.add").set(c);
    f.forRange(j, { start: () => f.get(firstColumn), end: () => f.get(endWhole), step: TILE_COLUMNS }, () => {
      body();
      f.increase(c, TILE_COLUMNS * 4).get(bPart).get(at.bPanel).op("i32.add").set(bPart);
    });
  };
  /** Where the first element of the chunk lies in the output. */
  const pushChunk = () => {
    f.get(at.pitch).get(firstRow).op("i32.mul").get(at.c).op("i32.add");
    f.get(firstColumn).i32(2).op("i32.shl").op("i32.add");
  };
  const wholeTiles = () => {
    // Sums are taken up where the part before left them. What the output holds already is added when they are complete.
    f.get(at.accumulate).if(
      () => f.get(at.tile).i32(EDGE_BYTES).op("i32.add").set(to).i32(CHUNK_PITCH).set(toPitch),
      () => {
        pushChunk();
        f.set(to).get(at.pitch).set(toPitch);
      },
    );
    f.i32(0).set(s).i32(0).set(more);
    f.loop((nextPart) => {
      // As many long parts as there are, then a shorter one, then what is left.
      f.get(at.depth).get(s).op("i32.sub").set(part).i32(0).set(straightPart);
      for (const depth of STRAIGHT_DEPTHS.toReversed()) {
        f.get(part).i32(depth).op("i32.ge_s").if(() => f.i32(depth).set(straightPart));
      }
      f.get(straightPart).get(part).get(straightPart).op("select").set(part);
      f.get(aChunk).get(s).i32(height * 4).op("i32.mul").op("i32.add").set(a);
      f.get(at.b).get(s).i32(TILE_COLUMNS * 4).op("i32.mul").op("i32.add").set(b);
      eachPanelOfA(() => {
        const byLoop = () =>
          eachWholeTile(() => f.get(a).get(bPart).get(c).get(part).get(tall).get(toPitch).get(more).call(loop));
        const byDepth = (index: number): void => {
          if (index === straight.length) return byLoop();
          const { keep, multiply } = straight[index];
          f.get(straightPart).i32(STRAIGHT_DEPTHS[index]).op("i32.eq").if(() => {
            f.get(a).call(keep);
            eachWholeTile(() => f.get(bPart).get(c).get(toPitch).get(more).call(multiply));
          }, () => byDepth(index + 1));
        };
        f.get(tall).i32(height).op("i32.eq").if(() => byDepth(0), byLoop);
      });
      f.i32(1).set(more);
      f.get(s).get(part).op("i32.add").tee(s).get(at.depth).op("i32.lt_s").branchIf(nextPart);
    });
    f.get(at.accumulate).if(() => {
      pushChunk();
      f.get(at.pitch).get(to).get(endRow).get(firstRow).op("i32.sub");
      f.get(endWhole).get(firstColumn).op("i32.sub").i32(2).op("i32.shl").call(addChunk);
    });
  };
  /** Tiles whose columns are fewer or scattered go through memory of their own, over the whole depth at once. */
  const otherTiles = () => {
    f.forRange(j, { start: () => f.get(endWhole), end: () => f.get(endColumn), step: TILE_COLUMNS }, () => {
      f.get(aChunk).set(a).get(j).i32(2).op("i32.shl").set(offset);
      f.get(j).get(firstColumn).op("i32.sub").i32(Math.log2(TILE_COLUMNS)).op("i32.shr_u");
      f.get(at.bPanel).op("i32.mul").get(at.b).op("i32.add").set(b);
      eachPanelOfA(() => {
        f.get(a).get(b).get(at.tile).get(at.depth).get(tall).i32(TILE_COLUMNS * 4).i32(0).call(loop);
        f.get(at.tile).get(at.pitch).get(i).op("i32.mul").get(at.c).op("i32.add");
        // Where a table places the columns, `c` stays at the first one.
        f.i32(0).get(offset).get(at.scatter).op("select").op("i32.add").get(at.pitch).get(tall);
        f.get(endColumn).get(j).op("i32.sub").set(part);
        pushMinimum(f, part, { constant: TILE_COLUMNS }).get(at.accumulate);
        f.get(at.scatter).get(offset).op("i32.add").i32(0).get(at.scatter).op("select").call(flush);
      });
    });
  };
  const finish = () => {
    if (!finishing || !epilogue) return;
    f.get(at.finish).if(() => {
      f.get(firstColumn).i32(2).op("i32.shl").set(offset);
      f.get(at.pitch).get(firstRow).op("i32.mul").get(offset).op("i32.add").tee(c).get(at.c).op("i32.add");
      f.get(endRow).get(firstRow).op("i32.sub").get(endColumn).get(firstColumn).op("i32.sub").get(at.pitch);
      epilogue.operands.forEach((per, operand) => {
        f.get(rest[operand]);
        if (per === "row") f.get(firstRow).i32(2).op("i32.shl").op("i32.add");
        if (per === "column") f.get(offset).op("i32.add");
        if (per === "element") f.get(c).op("i32.add");
      });
      f.call(finishing);
    });
  };

  f.i32(0).get(at.columns).i32(-TILE_COLUMNS).op("i32.and").get(at.scatter).op("select").set(wholeColumns);
  f.forRange(firstColumn, { start: () => f.i32(0), end: () => f.get(at.columns), step: CHUNK_COLUMNS }, () => {
    f.get(firstColumn).i32(CHUNK_COLUMNS).op("i32.add").set(endColumn);
    pushMinimum(f, endColumn, at.columns).set(endColumn);
    pushMinimum(f, endColumn, wholeColumns).set(endWhole);
    f.get(endWhole).get(firstColumn).get(endWhole).get(firstColumn).op("i32.gt_s").op("select").set(endWhole);
    f.get(at.a).set(aChunk);
    f.forRange(firstRow, { start: () => f.i32(0), end: () => f.get(at.rows), step: chunkRows }, () => {
      f.get(firstRow).i32(chunkRows).op("i32.add").set(endRow);
      pushMinimum(f, endRow, at.rows).set(endRow);
      f.get(endWhole).get(firstColumn).op("i32.gt_s").if(wholeTiles);
      otherTiles();
      finish();
      f.get(at.aPanel).i32(CHUNK_PANELS).op("i32.mul").get(aChunk).op("i32.add").set(aChunk);
    });
    f.get(at.bPanel).i32(CHUNK_COLUMNS / TILE_COLUMNS).op("i32.mul").get(at.b).op("i32.add").set(at.b);
  });
  return f;
}

/**
 * `keep(a)` copies `depth` depths of a panel of A to the thread's own memory, and `multiply(b, c, pitch, more)`
 * multiplies them by a panel of B, straight on without a loop. Its addresses of A are constants, so nothing is computed
 * for them and, above all, nothing checked: an engine without guard pages compares each other address with the memory's
 * size before it loads, which costs as much as a multiplication. Copying pays because a block has many panels of B.
 */
function straightTile(
  fused: boolean,
  depth: number,
): { readonly keep: WasmFunction; readonly multiply: WasmFunction } {
  const height = tileRows(fused);
  const keep = namedFunction(`keep${depth}`, ["a"]);
  for (let offset = 0; offset < height * depth * 4; offset += 16) {
    keep.f.i32(0).get(keep.at.a).memory("v128.load", offset).ownMemory("v128.store", offset);
  }
  const { f, at } = namedFunction(`tile${depth}`, ["b", "c", "pitch", "more"]);
  const registers = new TileRegisters(f, fused);
  f.get(at.more).if(() => registers.load(at, height));
  for (let d = 0; d < depth; d++) {
    registers.multiply({
      rows: height,
      loadA: (row) => f.i32(0).ownMemory("v128.load32_splat", (d * height + row) * 4),
      loadB: (vector) => f.get(at.b).memory("v128.load", (d * VECTORS + vector) * 16),
    });
  }
  registers.store(at, height);
  return { keep: keep.f, multiply: f };
}

/** The sums of one tile, in registers. */
class TileRegisters {
  readonly #f: WasmFunction;
  readonly #fused: boolean;
  readonly #sums: readonly (readonly Local[])[];
  readonly #b: readonly Local[];
  readonly #a: Local;

  constructor(f: WasmFunction, fused: boolean) {
    this.#f = f;
    this.#fused = fused;
    this.#sums = Array.from({ length: tileRows(fused) }, () => f.locals("v128", VECTORS));
    this.#b = f.locals("v128", VECTORS);
    this.#a = f.local("v128");
  }

  /** sums += column of A · row of B, for one depth. */
  multiply(
    step: {
      readonly rows: number;
      readonly loadA: (row: number) => void;
      readonly loadB: (vector: number) => void;
    },
  ): void {
    const f = this.#f;
    this.#sums.slice(0, step.rows).forEach((sum, row) => {
      step.loadA(row);
      f.set(this.#a);
      sum.forEach((total, vector) => {
        // Each vector of B is loaded right before its first use: 3 % faster than all of them first.
        if (row === 0) {
          step.loadB(vector);
          f.set(this.#b[vector]);
        }
        f.get(this.#a).get(this.#b[vector]);
        if (this.#fused) f.get(total).op("f32x4.relaxed_madd").set(total);
        else f.op("f32x4.mul").get(total).op("f32x4.add").set(total);
      });
    });
  }

  /** Takes up the sums of a part before, from rows that lie `pitch` apart. They are zeros otherwise. */
  load(at: { readonly c: Local; readonly pitch: Local }, rows: number): void {
    const row = this.#f.local("i32");
    this.#f.get(at.c).set(row);
    this.#sums.slice(0, rows).forEach((sum, r) => {
      if (r > 0) this.#f.get(row).get(at.pitch).op("i32.add").set(row);
      sum.forEach((total, vector) => this.#f.get(row).memory("v128.load", vector * 16).set(total));
    });
  }

  /** Writes the sums to rows that lie `pitch` apart; `c` ends at the last one. */
  store(at: { readonly c: Local; readonly pitch: Local }, rows: number): void {
    const f = this.#f;
    this.#sums.slice(0, rows).forEach((sum, row) => {
      if (row > 0) f.get(at.c).get(at.pitch).op("i32.add").set(at.c);
      sum.forEach((total, vector) => f.get(at.c).get(total).memory("v128.store", vector * 16));
    });
  }
}

/**
 * `tile(a, b, c, depth, tall, pitch, more)`: one register tile of the output. A function of its own, so that nothing
 * but the inner loop competes for registers. Where a panel of A holds few rows (`tall`), what fills it up is not multiplied.
 */
function tileFunction(fused: boolean): WasmFunction {
  const { f, at } = namedFunction("tile", ["a", "b", "c", "depth", "tall", "pitch", "more"]);
  const height = tileRows(fused);
  const registers = new TileRegisters(f, fused);
  const rows = (rows: number) => {
    f.get(at.more).if(() => registers.load(at, rows));
    for (const unroll of [UNROLL, 1]) {
      countDown(f, at.depth, unroll, () => {
        for (let depth = 0; depth < unroll; depth++) {
          registers.multiply({
            rows,
            loadA: (row) => f.get(at.a).memory("v128.load32_splat", (depth * height + row) * 4),
            loadB: (vector) => f.get(at.b).memory("v128.load", (depth * VECTORS + vector) * 16),
          });
        }
        f.increase(at.a, unroll * height * 4).increase(at.b, unroll * TILE_COLUMNS * 4);
      });
    }
    registers.store(at, rows);
  };
  const byRows = (most: number): void => {
    if (most === 1) return rows(1);
    f.get(at.tall).i32(most).op("i32.ge_s").if(() => rows(most), () => byRows(most - 1));
  };
  byRows(height);
  return f;
}

/** `add(c, pitch, chunk, rows, bytes)` adds `rows` of `bytes` (whole vectors) from a chunk apart to the output. */
function addChunkFunction(): WasmFunction {
  const { f, at } = namedFunction("add", ["c", "pitch", "chunk", "rows", "bytes"]);
  const column = f.local("i32");
  countDown(f, at.rows, 1, () => {
    f.forRange(column, { start: () => f.i32(0), end: () => f.get(at.bytes), step: 16 }, () => {
      f.get(at.c).get(column).op("i32.add");
      f.get(at.c).get(column).op("i32.add").memory("v128.load");
      f.get(at.chunk).get(column).op("i32.add").memory("v128.load");
      f.op("f32x4.add").memory("v128.store");
    });
    f.get(at.c).get(at.pitch).op("i32.add").set(at.c).increase(at.chunk, CHUNK_PITCH);
  });
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
