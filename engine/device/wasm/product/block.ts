/**
 * One task of a matrix product: a block of the output over the whole depth (or a part of it). One operand was packed
 * before by all threads together and is shared; the other is packed here, part by part, into the thread's own scratch,
 * where it stays in the second-level cache.
 */

import type { WasmFunction } from "../../../kernel/wasm/assembler.ts";
import type { EpilogueDefinition } from "../../device.ts";
import { namedFunction, pushMinimum } from "./function.ts";
import { multiplyFunction, TILE_BYTES, TILE_COLUMNS, tileRows } from "./kernel.ts";
import { packFunction } from "./pack.ts";

/** The words of a task of `product`; the operands of the epilogue follow. */
export const PRODUCT_PARAMETERS = [
  "scratch",
  /** A's first element of this block, with byte strides; or where its packed form starts. */
  "a",
  "aRow",
  "aDepth",
  "b",
  "bColumn",
  "bDepth",
  /** Whether B is the packed operand; otherwise A is. */
  "sharesB",
  /** The packed operand's panels in all, and the first of this block. */
  "panels",
  "firstPanel",
  "rows",
  "columns",
  "depth",
  /** The depth of a part. */
  "depthStep",
  "c",
  "pitch",
  "accumulate",
  "finish",
] as const;

/** The entries `product`, `packA` and `packB`. */
export function productFunctions(fused: boolean, epilogue?: EpilogueDefinition): WasmFunction[] {
  const height = tileRows(fused);
  const packA = packFunction("packA", height);
  const packB = packFunction("packB", TILE_COLUMNS);
  const multiply = multiplyFunction(fused, epilogue);
  const { f, at, rest } = namedFunction("product", PRODUCT_PARAMETERS, epilogue?.operands.length ?? 0);
  const [d, depth, aPanels, bPanels, aPanel, bPanel] = f.locals("i32", 6);

  /** The shared operand at this part: all panels of the parts before, then those before this block's. */
  const shared = (base: number, width: number) => {
    f.get(d).get(at.panels).op("i32.mul").get(at.firstPanel).get(depth).op("i32.mul").op("i32.add");
    f.i32(width * 4).op("i32.mul").get(base).op("i32.add");
  };
  f.loop((again) => {
    f.get(at.depth).get(d).op("i32.sub").set(depth);
    pushMinimum(f, depth, at.depthStep).set(depth);
    f.get(depth).i32(height * 4).op("i32.mul").set(aPanel);
    f.get(depth).i32(TILE_COLUMNS * 4).op("i32.mul").set(bPanel);
    f.get(at.sharesB).if(() => {
      shared(at.b, TILE_COLUMNS);
      f.set(bPanels).get(at.scratch).i32(TILE_BYTES).op("i32.add").set(aPanels);
      f.get(at.scratch).get(at.a).get(d).get(at.aDepth).op("i32.mul").op("i32.add").get(aPanels);
      f.get(at.rows).get(depth).get(at.aRow).get(at.aDepth).get(aPanel).call(packA);
    }, () => {
      shared(at.a, height);
      f.set(aPanels).get(at.scratch).i32(TILE_BYTES).op("i32.add").set(bPanels);
      f.get(at.scratch).get(at.b).get(d).get(at.bDepth).op("i32.mul").op("i32.add").get(bPanels);
      f.get(at.columns).get(depth).get(at.bColumn).get(at.bDepth).get(bPanel).call(packB);
    });
    f.get(aPanels).get(bPanels).get(at.c).get(at.rows).get(at.columns).get(depth).get(aPanel).get(bPanel).get(at.pitch);
    f.get(at.accumulate).get(d).op("i32.or");
    f.get(at.scratch).i32(0);
    f.get(d).get(depth).op("i32.add").tee(d).get(at.depth).op("i32.ge_s").get(at.finish).op("i32.and");
    rest.forEach((operand) => f.get(operand));
    f.call(multiply);
    f.get(d).get(at.depth).op("i32.lt_s").branchIf(again);
  });
  return [f, packA, packB];
}
