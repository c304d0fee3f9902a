/**
 * An image cut into square windows and put together again, as window attention needs it (Liu et al., "Swin Transformer",
 * arXiv:2103.14030). The image is padded with zeros on the right and below to whole windows and may be rolled towards
 * the origin first. Both directions move every pixel at most once, so each is the other's gradient.
 */

import { ArgumentError, ShapeError } from "../errors.ts";
import { joinIndex, splitIndex } from "../kernel/language/index_arithmetic.ts";
import type { Int } from "../kernel/language/value.ts";
import { defineKernel, lanesOf } from "../launch/kernel.ts";
import { defineOp } from "../op.ts";
import { formatShape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";

/**
 * Sizes of one image and of its windows, in pixels.
 *
 * @category Images
 */
export interface WindowGrid {
  /** Rows of the image, padding not counted. */
  readonly height: number;
  /** Pixels of a row, padding not counted. */
  readonly width: number;
  /** Side of a window, in pixels of the map. */
  readonly window: number;
  /** How far the padded image is rolled up and to the left before it is cut; less than a window. */
  readonly shift: number;
}

/** Windows down and across. */
function windowCounts({ height, width, window }: WindowGrid): readonly [number, number] {
  return [Math.ceil(height / window), Math.ceil(width / window)];
}

const SIZES = ["height", "width", "vectors", "window", "shift", "down", "across"] as const;

/** A sum modulo size, for sums below twice the size. */
const wrapped = (sum: Int, size: Int): Int => sum.lt(size).select(sum, sum.sub(size));

/** An item is a vector of a window's pixel: the image's there, or zero outside. */
const cutKernel = defineKernel({
  name: "cut_windows",
  reads: { image: "f32" },
  writes: { windows: "f32" },
  sizes: SIZES,
  vectors: true,
  body: (m, { item, image, windows, height, width, vectors, window, shift, down, across }) => {
    const [batch, row, column, y, x, vector] = splitIndex(item, [down, across, window, window, vectors]);
    const fromY = wrapped(joinIndex([row, y], [window]).add(shift), down.mul(window));
    const fromX = wrapped(joinIndex([column, x], [window]).add(shift), across.mul(window));
    const inside = fromY.lt(height).and(fromX.lt(width));
    const at = inside.select(joinIndex([batch, fromY, fromX, vector], [height, width, vectors]), 0);
    const value = image.loadVec(at.mul(m.lanes));
    windows.store(item.mul(m.lanes), inside.select(value, 0));
  },
});

/** An item is a vector of the image's pixel. */
const joinKernel = defineKernel({
  name: "join_windows",
  reads: { windows: "f32" },
  writes: { image: "f32" },
  sizes: SIZES,
  vectors: true,
  body: (m, { item, windows, image, height, width, vectors, window, shift, down, across }) => {
    const [batch, y, x, vector] = splitIndex(item, [height, width, vectors]);
    const [paddedHeight, paddedWidth] = [down.mul(window), across.mul(window)];
    const fromY = wrapped(y.add(paddedHeight.sub(shift)), paddedHeight);
    const fromX = wrapped(x.add(paddedWidth.sub(shift)), paddedWidth);
    const [row, column] = [fromY.div(window), fromX.div(window)];
    const [rowInside, columnInside] = [fromY.rem(window), fromX.rem(window)];
    const at = joinIndex([batch, row, column, rowInside, columnInside, vector], [
      down,
      across,
      window,
      window,
      vectors,
    ]);
    image.store(item.mul(m.lanes), windows.loadVec(at.mul(m.lanes)));
  },
});

function cutInto(windows: Tensor, image: Tensor, grid: WindowGrid): Tensor {
  cutKernel.launch({ image, windows, ...sizesOf(windows, grid) });
  return windows;
}

function joinInto(image: Tensor, windows: Tensor, grid: WindowGrid): Tensor {
  joinKernel.launch({ image, windows, ...sizesOf(image, grid) });
  return image;
}

/** What both kernels are launched with to fill `target`. */
function sizesOf(target: Tensor, grid: WindowGrid) {
  const channels = target.shape[target.rank - 1];
  const lanes = lanesOf(channels);
  const [down, across] = windowCounts(grid);
  const { height, width, window, shift } = grid;
  return { height, width, window, shift, down, across, vectors: channels / lanes, items: target.size / lanes, lanes };
}

function checkGrid(name: string, { window, shift }: WindowGrid): void {
  if (!(window >= 1 && shift >= 0 && shift < window)) {
    throw new ArgumentError(`${name}: expected a shift in 0..${window - 1} but found ${shift}`);
  }
}

const cutOp = defineOp<readonly [Tensor], WindowGrid>({
  name: "cutWindows",
  output: ([x], grid) => {
    checkGrid("cutWindows", grid);
    const [batch, height, width, channels] = x.shape;
    if (x.rank !== 4 || height !== grid.height || width !== grid.width) {
      throw new ShapeError(
        `cutWindows: expected images [N, ${grid.height}, ${grid.width}, C] but found ${formatShape(x.shape)}`,
      );
    }
    const [down, across] = windowCounts(grid);
    return { shape: [batch * down * across, grid.window ** 2, channels] };
  },
  run: ({ inputs: [x], options: grid, output }) => void cutInto(output, x, grid),
  gradient: ({ gradOutput, options: grid, shapes: [shape] }) => [joinInto(gradOutput.empty(shape), gradOutput, grid)],
});

const joinOp = defineOp<readonly [Tensor], WindowGrid>({
  name: "joinWindows",
  output: ([x], grid) => {
    checkGrid("joinWindows", grid);
    const [down, across] = windowCounts(grid);
    const [windows, pixels, channels] = x.shape;
    if (x.rank !== 3 || windows % (down * across) !== 0 || pixels !== grid.window ** 2) {
      throw new ShapeError(
        `joinWindows: expected windows [N·${down * across}, ${grid.window ** 2}, C] but found ${formatShape(x.shape)}`,
      );
    }
    return { shape: [windows / (down * across), grid.height, grid.width, channels] };
  },
  run: ({ inputs: [x], options: grid, output }) => void joinInto(output, x, grid),
  gradient: ({ gradOutput, options: grid, shapes: [shape] }) => [cutInto(gradOutput.empty(shape), gradOutput, grid)],
});

/**
 * Images [N, H, W, C] to windows [N · down · across, window², C], row by row of windows; zero where padded.
 * @throws {ShapeError} where the images do not have the grid's size
 * @category Images
 */
export const cutWindows = (images: Tensor, grid: WindowGrid): Tensor => cutOp([images], grid);

/**
 * The way back: windows [N · down · across, window², C] to images [N, H, W, C]; padding is dropped.
 * @throws {ShapeError} where the windows are not those of the grid
 * @category Images
 */
export const joinWindows = (windows: Tensor, grid: WindowGrid): Tensor => joinOp([windows], grid);

/**
 * Which pixels of a rolled image belong together, [down · across, window²]: what the roll brought next to each other from
 * opposite borders gets different numbers, and may not attend to one another. The numbering is the official code's, which
 * also parts the last whole window row from the rest.
 *
 * @category Images
 */
export function windowRegions(grid: WindowGrid): Float32Array {
  const { window, shift } = grid;
  const [down, across] = windowCounts(grid);
  const band = (at: number, size: number) => at < size - window ? 0 : at < size - shift ? 1 : 2;
  const regions = new Float32Array(down * across * window ** 2);
  let next = 0;
  for (let row = 0; row < down; row++) {
    for (let column = 0; column < across; column++) {
      for (let y = 0; y < window; y++) {
        const vertical = band(row * window + y, down * window);
        for (let x = 0; x < window; x++) {
          regions[next++] = 3 * vertical + band(column * window + x, across * window);
        }
      }
    }
  }
  return regions;
}
