/**
 * Packing for convolutions without ever writing an im2col matrix out: element (w, d) of the matrix lies in an image at
 * across[w] + down[d], where one table runs over pixels and the other over channels and kernel taps. So any stride,
 * dilation and kernel is the same code; where neighbours in a table are neighbours in memory, four go at a time.
 *
 * The panels are those of `pack.ts`. Tables hold byte offsets; `across` is filled up to whole panels by repeating its last.
 */

import type { Local, WasmFunction } from "../../../kernel/wasm/assembler.ts";
import { namedFunction } from "./function.ts";
import { countDown, transposeFour, transposeLocals, WIDE, wideCopy } from "./pack.ts";

const PARAMETERS = ["scratch", "source", "target", "across", "count", "down", "depth", "panelBytes"] as const;

/**
 * For a table `across` of pixels, most of which are neighbours (or, at stride 2, every other one): panels of `width` = 8
 * pixels, where the vectors run along the panel.
 */
export function gatherAcrossFunction(name: string): WasmFunction {
  const width = 8;
  const { f, at } = namedFunction(name, PARAMETERS);
  const [first, half, out, left, down, base] = f.locals("i32", 6);
  const origins = f.locals("i32", 4);
  const offsets = f.local("v128");

  const halfLoop = (unroll: number, move: (offset: number) => void) => {
    countDown(f, left, unroll, () => {
      for (let u = 0; u < unroll; u++) {
        f.get(down).memory("i32.load", u * 4).set(base);
        move(u * width * 4);
      }
      f.increase(down, unroll * 4).increase(out, unroll * width * 4);
    });
  };
  const source = (i: number) => f.get(origins[i]).get(base).op("i32.add");

  const wide = wideCopy(f, width);
  const single = () =>
    f.forRange(half, { start: () => f.i32(0), end: () => f.i32(32), step: 16 }, () => {
      f.get(at.across).get(half).op("i32.add").memory("v128.load").set(offsets);
      origins.forEach((origin, i) =>
        f.get(at.source).get(offsets).lane("i32x4.extract_lane", i).op("i32.add").set(origin)
      );
      f.get(at.target).get(half).op("i32.add").set(out);
      f.get(at.depth).set(left).get(at.down).set(down);
      pushSteps(f, offsets, 4).if(() => {
        const move = (offset: number) => {
          f.get(out);
          source(0).memory("v128.load").memory("v128.store", offset);
        };
        halfLoop(4, move);
        halfLoop(1, move);
      }, () => {
        pushSteps(f, offsets, 8).if(() => {
          halfLoop(1, (offset) => {
            f.get(out);
            loadEveryOther(f, () => source(0));
            f.memory("v128.store", offset);
          });
        }, () => {
          halfLoop(1, (offset) =>
            origins.forEach((_, i) => {
              f.get(out);
              source(i).memory("f32.load").memory("f32.store", offset + i * 4);
            }));
        });
      });
    });
  f.forRange(first, { start: () => f.i32(0), end: () => f.get(at.count), step: width }, () => {
    // The pixels of a table only go up, so many of them are neighbours if the last is as far as that makes it.
    f.get(at.count).get(first).op("i32.sub").i32(WIDE * width).op("i32.ge_s").set(left);
    f.get(left).if(() => {
      f.get(at.across).memory("i32.load", (WIDE * width - 1) * 4).get(at.across).memory("i32.load").op("i32.sub");
      f.i32((WIDE * width - 1) * 4).op("i32.eq").set(left);
    });
    f.get(left).if(() => {
      wide.start(at.target, at.panelBytes);
      f.get(at.source).get(at.across).memory("i32.load").op("i32.add").set(origins[0]);
      f.get(at.depth).set(left).get(at.down).set(down);
      countDown(f, left, 1, () => {
        f.get(origins[0]).get(down).memory("i32.load").op("i32.add").set(base);
        wide.copy(base);
        f.increase(down, 4);
      });
      f.increase(first, (WIDE - 1) * width).increase(at.across, (WIDE - 1) * width * 4);
      f.get(at.panelBytes).i32(WIDE - 1).op("i32.mul").get(at.target).op("i32.add").set(at.target);
    }, single);
    f.increase(at.across, width * 4);
    f.get(at.target).get(at.panelBytes).op("i32.add").set(at.target);
  });
  return f;
}

/**
 * For a table `down` of pixels: panels of `width` kernel taps (or, for weights, of channels), where four pixels of each
 * tap are loaded at once and transposed.
 */
export function gatherDownFunction(name: string, width: number): WasmFunction {
  const { f, at } = namedFunction(name, PARAMETERS);
  const [first, out, left, down, base] = f.locals("i32", 5);
  const origins = f.locals("i32", width);
  const offsets = f.local("v128");
  const vectors = transposeLocals(f, width);
  const source = (i: number) => f.get(origins[i]).get(base).op("i32.add");
  const single = () => {
    f.get(down).memory("i32.load").set(base);
    origins.forEach((_, i) => {
      f.get(out);
      source(i).memory("f32.load").memory("f32.store", i * 4);
    });
    f.increase(down, 4).increase(out, width * 4);
  };
  const advance = () => f.increase(down, 16).increase(out, width * 16);
  f.forRange(first, { start: () => f.i32(0), end: () => f.get(at.count), step: width }, () => {
    origins.forEach((origin, i) => f.get(at.source).get(at.across).memory("i32.load", i * 4).op("i32.add").set(origin));
    f.get(at.target).set(out).get(at.depth).set(left).get(at.down).set(down);
    countDown(f, left, 4, () => {
      f.get(down).memory("v128.load").tee(offsets).lane("i32x4.extract_lane", 0).set(base);
      pushSteps(f, offsets, 4).if(() => {
        transposeFour(f, width, { ...vectors, out, load: (i) => source(i).memory("v128.load") });
        advance();
      }, () => {
        pushSteps(f, offsets, 8).if(() => {
          transposeFour(f, width, { ...vectors, out, load: (i) => loadEveryOther(f, () => source(i)) });
          advance();
        }, () => {
          for (let u = 0; u < 4; u++) single();
        });
      });
    });
    countDown(f, left, 1, single);
    f.increase(at.across, width * 4);
    f.get(at.target).get(at.panelBytes).op("i32.add").set(at.target);
  });
  return f;
}

/** Leaves on the stack whether the four offsets follow each other at `step` bytes. */
function pushSteps(f: WasmFunction, offsets: Local, step: number): WasmFunction {
  f.get(offsets).get(offsets).lane("i32x4.extract_lane", 0).op("i32x4.splat").op("i32x4.sub");
  return f.i32x4([0, step, 2 * step, 3 * step]).op("i32x4.eq").op("i32x4.all_true");
}

/** Leaves elements 0, 2, 4 and 6 behind an address; the second load starts at 3, not 4, so that none behind 6 is read. */
function loadEveryOther(f: WasmFunction, address: () => void): void {
  address();
  f.memory("v128.load");
  address();
  f.memory("v128.load", 12).shuffle([0, 2, 5, 7]);
}
