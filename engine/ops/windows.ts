/**
 * An image cut into square windows and put together again, as window attention needs it (Liu et al., "Swin Transformer",
 * arXiv:2103.14030). The image is padded with zeros on the right and below to whole windows and may be rolled towards
 * the origin first. Both directions move every pixel at most once, so each is the other's gradient.
 */

import type { Machine, Value } from "../kernel/language/machine.ts";
import type { IndexedKernel } from "../kernel/language/recipes.ts";
import { splitIndex } from "../kernel/language/split_index.ts";
import { defineOp } from "../op.ts";
import { formatShape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";

/** Sizes of one image and of its windows, in pixels. */
export interface WindowGrid {
  /** Rows of the image, padding not counted. */
  readonly height: number;
  /** Pixels of a row, padding not counted. */
  readonly width: number;
  /** Side of a window. */
  readonly window: number;
  /** How far the padded image is rolled up and to the left before it is cut; less than a window. */
  readonly shift: number;
}

/** Windows down and across. */
export function windowCounts({ height, width, window }: WindowGrid): readonly [number, number] {
  return [Math.ceil(height / window), Math.ceil(width / window)];
}

const SIZES = ["height", "width", "vectors", "window", "shift", "down", "across"];

/** (at + offset) modulo size, for sums below twice the size. */
function wrapped(m: Machine, sum: Value, size: Value): Value {
  return m.select(m.lt(sum, size), sum, m.sub(sum, size));
}

/** An item is a vector of a window's pixel: the image's there, or zero outside. */
const cutKernel = (lanes: 1 | 4): IndexedKernel => ({
  kind: "indexed",
  name: `cut_windows_${lanes}`,
  buffers: [{ name: "image", dtype: "f32", access: "read" }, { name: "windows", dtype: "f32", access: "write" }],
  sizes: SIZES,
  lanes,
  body: (m, item, { buffers: [image, windows], sizes: [height, width, vectors, window, shift, down, across] }) => {
    const [batch, row, column, y, x, vector] = splitIndex(m, item, [down, across, window, window, vectors]);
    const fromY = wrapped(m, m.add(m.add(m.mul(row, window), y), shift), m.mul(down, window));
    const fromX = wrapped(m, m.add(m.add(m.mul(column, window), x), shift), m.mul(across, window));
    const inside = m.both(m.lt(fromY, height), m.lt(fromX, width));
    const pixel = m.add(m.mul(m.add(m.mul(batch, height), fromY), width), fromX);
    const at = m.select(inside, m.add(m.mul(pixel, vectors), vector), m.int(0));
    const value = m.loadVec(image, m.mul(at, m.int(lanes)));
    m.store(windows, m.mul(item, m.int(lanes)), m.select(inside, value, m.splat(0)));
  },
});

/** An item is a vector of the image's pixel. */
const joinKernel = (lanes: 1 | 4): IndexedKernel => ({
  kind: "indexed",
  name: `join_windows_${lanes}`,
  buffers: [{ name: "windows", dtype: "f32", access: "read" }, { name: "image", dtype: "f32", access: "write" }],
  sizes: SIZES,
  lanes,
  body: (m, item, { buffers: [windows, image], sizes: [height, width, vectors, window, shift, down, across] }) => {
    const [batch, y, x, vector] = splitIndex(m, item, [height, width, vectors]);
    const [paddedHeight, paddedWidth] = [m.mul(down, window), m.mul(across, window)];
    const fromY = wrapped(m, m.add(y, m.sub(paddedHeight, shift)), paddedHeight);
    const fromX = wrapped(m, m.add(x, m.sub(paddedWidth, shift)), paddedWidth);
    const cut = m.add(
      m.mul(m.add(m.mul(batch, down), m.div(fromY, window)), across),
      m.div(fromX, window),
    );
    const pixel = m.add(m.mul(m.add(m.mul(cut, window), m.rem(fromY, window)), window), m.rem(fromX, window));
    const at = m.add(m.mul(pixel, vectors), vector);
    m.store(image, m.mul(item, m.int(lanes)), m.loadVec(windows, m.mul(at, m.int(lanes))));
  },
});

const kernels = {
  cut: { 1: cutKernel(1), 4: cutKernel(4) },
  join: { 1: joinKernel(1), 4: joinKernel(4) },
};

function launch(name: "cut" | "join", { from, to }: { from: Tensor; to: Tensor }, grid: WindowGrid): Tensor {
  const channels = to.shape[to.rank - 1];
  const lanes = channels % 4 === 0 ? 4 : 1;
  to.device.indexed({
    kernel: kernels[name][lanes],
    buffers: [from.buffer, to.buffer],
    sizes: [grid.height, grid.width, channels / lanes, grid.window, grid.shift, ...windowCounts(grid)],
    items: to.size / lanes,
  });
  return to;
}

function checkGrid(name: string, { window, shift }: WindowGrid): void {
  if (!(window >= 1 && shift >= 0 && shift < window)) {
    throw new RangeError(`${name}: expected a shift in 0..${window - 1} but found ${shift}`);
  }
}

const cutOp = defineOp<readonly [Tensor], WindowGrid>({
  name: "cutWindows",
  output: ([x], grid) => {
    checkGrid("cutWindows", grid);
    const [batch, height, width, channels] = x.shape;
    if (x.rank !== 4 || height !== grid.height || width !== grid.width) {
      throw new RangeError(
        `cutWindows: expected images [N, ${grid.height}, ${grid.width}, C] but found ${formatShape(x.shape)}`,
      );
    }
    const [down, across] = windowCounts(grid);
    return { shape: [batch * down * across, grid.window ** 2, channels] };
  },
  run: ({ inputs: [x], options: grid, output }) => void launch("cut", { from: x, to: output }, grid),
  gradient: ({ gradOutput, options: grid, shapes: [shape] }) => [
    launch("join", { from: gradOutput, to: gradOutput.empty(shape) }, grid),
  ],
});

const joinOp = defineOp<readonly [Tensor], WindowGrid>({
  name: "joinWindows",
  output: ([x], grid) => {
    checkGrid("joinWindows", grid);
    const [down, across] = windowCounts(grid);
    const [windows, pixels, channels] = x.shape;
    if (x.rank !== 3 || windows % (down * across) !== 0 || pixels !== grid.window ** 2) {
      throw new RangeError(
        `joinWindows: expected windows [N·${down * across}, ${grid.window ** 2}, C] but found ${formatShape(x.shape)}`,
      );
    }
    return { shape: [windows / (down * across), grid.height, grid.width, channels] };
  },
  run: ({ inputs: [x], options: grid, output }) => void launch("join", { from: x, to: output }, grid),
  gradient: ({ gradOutput, options: grid, shapes: [shape] }) => [
    launch("cut", { from: gradOutput, to: gradOutput.empty(shape) }, grid),
  ],
});

/** Images [N, H, W, C] to windows [N · down · across, window², C], row by row of windows; zero where padded. */
export const cutWindows = (images: Tensor, grid: WindowGrid): Tensor => cutOp([images], grid);

/** The way back: windows [N · down · across, window², C] to images [N, H, W, C]; padding is dropped. */
export const joinWindows = (windows: Tensor, grid: WindowGrid): Tensor => joinOp([windows], grid);

/**
 * Which pixels of a rolled image belong together, [down · across, window²]: what the roll brought next to each other from
 * opposite borders gets different numbers, and may not attend to one another. The numbering is the official code's, which
 * also parts the last whole window row from the rest.
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
