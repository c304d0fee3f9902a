/**
 * The tasks of convolutions. `convolve` computes a block [channels, pixels] of an image as weights · im2col(image), with
 * the weights packed before; `correlate` a block [channels, taps] of the weights' gradient as gradOutput ·
 * im2col(image)^T, summed over pixels and images in order; `pad` copies an image into a frame of zeros.
 */

import type { WasmFunction } from "../../../kernel/wasm/assembler.ts";
import type { EpilogueDefinition } from "../../device.ts";
import { namedFunction, pushMinimum } from "../product/function.ts";
import { multiplyFunction, TILE_BYTES, TILE_COLUMNS, tileRows } from "../product/kernel.ts";
import { packFunction } from "../product/pack.ts";
import { gatherAcrossFunction, gatherDownFunction } from "../product/pack_gather.ts";

export const CONVOLVE_PARAMETERS = [
  "scratch",
  /** The packed weights, how many panels they have, and the first of this block. */
  "weights",
  "panels",
  "firstPanel",
  "image",
  /** Offsets of this block's pixels, and of channels and taps. */
  "across",
  "down",
  "rows",
  "columns",
  "depth",
  "depthStep",
  "c",
  "pitch",
  /** 0, or a table of where the block's pixels lie in the output. */
  "scatter",
] as const;

export function convolveFunctions(fused: boolean, epilogue?: EpilogueDefinition): WasmFunction[] {
  const height = tileRows(fused);
  const gather = gatherAcrossFunction("gatherImage");
  const multiply = multiplyFunction(fused, epilogue);
  const { f, at, rest } = namedFunction("convolve", CONVOLVE_PARAMETERS, epilogue?.operands.length ?? 0);
  const [d, depth, pixels, aPanel, bPanel] = f.locals("i32", 5);
  f.get(at.scratch).i32(TILE_BYTES).op("i32.add").set(pixels);
  f.loop((again) => {
    f.get(at.depth).get(d).op("i32.sub").set(depth);
    pushMinimum(f, depth, at.depthStep).set(depth);
    f.get(depth).i32(height * 4).op("i32.mul").set(aPanel);
    f.get(depth).i32(TILE_COLUMNS * 4).op("i32.mul").set(bPanel);
    f.get(at.scratch).get(at.image).get(pixels).get(at.across).get(at.columns);
    f.get(at.down).get(d).i32(2).op("i32.shl").op("i32.add").get(depth).get(bPanel).call(gather);
    f.get(at.weights).get(d).get(at.panels).op("i32.mul").get(at.firstPanel).get(depth).op("i32.mul").op("i32.add");
    f.i32(height * 4).op("i32.mul").op("i32.add");
    f.get(pixels).get(at.c).get(at.rows).get(at.columns).get(depth).get(aPanel).get(bPanel).get(at.pitch);
    f.get(d).i32(0).op("i32.ne").get(at.scratch).get(at.scatter);
    f.get(d).get(depth).op("i32.add").tee(d).get(at.depth).op("i32.ge_s");
    rest.forEach((operand) => f.get(operand));
    f.call(multiply);
    f.get(d).get(at.depth).op("i32.lt_s").branchIf(again);
  });
  return [f, packFunction("packWeights", height), gatherDownFunction("gatherWeights", height)];
}

export const CORRELATE_PARAMETERS = [
  "scratch",
  /** gradOutput at this block's first channel, and its bytes per image. */
  "gradOutput",
  "gradImageBytes",
  "image",
  "imageBytes",
  "images",
  /** How many images make one part of the sum; more than one only where they are smaller than a part. */
  "imagesStep",
  /** Offsets of this block's channels and taps, and of pixels. */
  "across",
  "down",
  "rows",
  "columns",
  "pixels",
  "depthStep",
  /** Bytes of scratch for the packed gradOutput. */
  "aBytes",
  "c",
  "pitch",
  "accumulate",
] as const;

export function correlateFunctions(fused: boolean): WasmFunction[] {
  const height = tileRows(fused);
  const pack = packFunction("packGradient", height);
  const gather = gatherDownFunction("gatherTaps", TILE_COLUMNS);
  const multiply = multiplyFunction(fused);
  const { f, at } = namedFunction("correlate", CORRELATE_PARAMETERS);
  const [image, images, i, d, depth, aPanels, bPanels, aPanel, bPanel, inFront, whole] = f.locals("i32", 11);
  f.get(at.scratch).i32(TILE_BYTES).op("i32.add").tee(aPanels).get(at.aBytes).op("i32.add").set(bPanels);
  f.loop((nextImages) => {
    f.get(at.images).get(image).op("i32.sub").set(images);
    pushMinimum(f, images, at.imagesStep).set(images);
    f.i32(0).set(d);
    f.loop((nextPart) => {
      f.get(at.pixels).get(d).op("i32.sub").set(depth);
      pushMinimum(f, depth, at.depthStep).set(depth);
      f.get(depth).get(images).op("i32.mul").tee(whole).i32(height * 4).op("i32.mul").set(aPanel);
      f.get(whole).i32(TILE_COLUMNS * 4).op("i32.mul").set(bPanel);
      f.forRange(i, { start: () => f.i32(0), end: () => f.get(images) }, () => {
        // The images of a part lie behind each other in every panel.
        f.get(i).get(depth).op("i32.mul").set(inFront);
        f.get(at.scratch);
        f.get(at.gradOutput).get(image).get(i).op("i32.add").get(at.gradImageBytes).op("i32.mul").op("i32.add");
        f.get(d).i32(2).op("i32.shl").op("i32.add");
        f.get(aPanels).get(inFront).i32(height * 4).op("i32.mul").op("i32.add");
        f.get(at.rows).get(depth).get(at.pixels).i32(2).op("i32.shl").i32(4).get(aPanel).call(pack);
        f.get(at.scratch);
        f.get(at.image).get(image).get(i).op("i32.add").get(at.imageBytes).op("i32.mul").op("i32.add");
        f.get(bPanels).get(inFront).i32(TILE_COLUMNS * 4).op("i32.mul").op("i32.add");
        f.get(at.across).get(at.columns).get(at.down).get(d).i32(2).op("i32.shl").op("i32.add");
        f.get(depth).get(bPanel).call(gather);
      });
      f.get(aPanels).get(bPanels).get(at.c).get(at.rows).get(at.columns).get(whole).get(aPanel).get(bPanel).get(
        at.pitch,
      );
      f.get(at.accumulate).get(at.scratch).i32(0).i32(0).call(multiply);
      f.i32(1).set(at.accumulate);
      f.get(d).get(depth).op("i32.add").tee(d).get(at.pixels).op("i32.lt_s").branchIf(nextPart);
    });
    f.get(image).get(images).op("i32.add").tee(image).get(at.images).op("i32.lt_s").branchIf(nextImages);
  });
  return [f, padFunction()];
}

export const PAD_PARAMETERS = [
  "scratch",
  "source",
  "target",
  "planes",
  "sourcePlane",
  "targetPlane",
  "sourcePitch",
  "targetPitch",
  /** What is copied of each plane, in rows and bytes per row, and where it starts in the target plane, in bytes. */
  "rows",
  "rowBytes",
  "inset",
] as const;

/** Fills planes with zeros and copies a part of other planes into them. */
function padFunction(): WasmFunction {
  const { f, at } = namedFunction("pad", PAD_PARAMETERS);
  const [plane, row, from, to, left] = f.locals("i32", 5);
  f.forRange(plane, { start: () => f.i32(0), end: () => f.get(at.planes) }, () => {
    f.get(at.target).i32(0).get(at.targetPlane).memoryFill();
    f.get(at.source).set(from).get(at.target).get(at.inset).op("i32.add").set(to);
    f.forRange(row, { start: () => f.i32(0), end: () => f.get(at.rows) }, () => {
      f.get(at.rowBytes).set(left);
      const copy = (bytes: number, load: "v128.load" | "i32.load", store: "v128.store" | "i32.store") => {
        f.get(left).i32(bytes).op("i32.ge_s").if(() => {
          f.loop((again) => {
            f.get(to).get(from).memory(load).memory(store).increase(to, bytes).increase(from, bytes);
            f.get(left).i32(bytes).op("i32.sub").tee(left).i32(bytes).op("i32.ge_s").branchIf(again);
          });
        });
      };
      copy(16, "v128.load", "v128.store");
      copy(4, "i32.load", "i32.store");
      f.get(from).get(at.sourcePitch).op("i32.add").get(at.rowBytes).op("i32.sub").set(from);
      f.get(to).get(at.targetPitch).op("i32.add").get(at.rowBytes).op("i32.sub").set(to);
    });
    f.get(at.source).get(at.sourcePlane).op("i32.add").set(at.source);
    f.get(at.target).get(at.targetPlane).op("i32.add").set(at.target);
  });
  return f;
}
