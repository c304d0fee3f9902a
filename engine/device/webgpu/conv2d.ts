/**
 * Convolutions on the GPU as products for `gemm.ts`. With T = kernelHeight * kernelWidth taps:
 *
 * - forward: rows are output channels o, columns are output pixels (image, y, x), k is (channel, tap);
 * - gradient of the input: rows are input channels, columns are input pixels, k is (output channel, tap): an input pixel
 *   gathers from every output pixel that saw it;
 * - gradient of the weight: rows are output channels, columns are (channel, tap), k is all output pixels, in order.
 */

import type { Conv2dCall, Conv2dShape, MatmulCall } from "../device.ts";
import type { GemmShape, GemmSource } from "./gemm.ts";

/** A convolution or one of its gradients as a product. */
export interface Conv2dProduct {
  readonly source: GemmSource;
  readonly shape: (shape: Conv2dShape) => GemmShape;
}

/** The numbers for the params of all three sources. */
export function conv2dParams(s: Conv2dShape): number[] {
  return [
    ...[s.inChannels, s.inHeight, s.inWidth, s.outChannels, s.outHeight, s.outWidth, s.kernelHeight, s.kernelWidth],
    ...[...s.stride, ...s.padding, ...s.dilation, s.batch],
  ];
}

const PARAMS = [
  ...["in_channels", "in_height", "in_width", "out_channels", "out_height", "out_width", "kernel_height"],
  ...["kernel_width", "stride_y", "stride_x", "padding_y", "padding_x", "dilation_y", "dilation_x", "batch"],
];

const SIZES = `fn in_pixels() -> i32 { return params.in_height * params.in_width; }
fn out_pixels() -> i32 { return params.out_height * params.out_width; }
fn taps() -> i32 { return params.kernel_height * params.kernel_width; }
fn start_batch(batch: i32) {}`;

/** An input pixel at y, x of the image that starts at `base`, or 0 outside it. */
const LOAD_INPUT = `fn input_at(base: i32, y: i32, x: i32) -> f32 {
  let inside = u32(y) < u32(params.in_height) && u32(x) < u32(params.in_width);
  return select(0.0, b1[select(0, base + y * params.in_width + x, inside)], inside);
}`;

/** What tells the two products apart whose k is (channel, tap). */
interface TapProduct {
  readonly name: string;
  /** The images that columns are pixels of and that are written; the other ones are gathered from. */
  readonly writes: "in" | "out";
  /** WGSL: the gathered pixel's y, x at the first tap, from the column's pixel. */
  readonly firstTap: readonly [y: string, x: string];
  /** WGSL: where the weight's row begins, and from one k-channel to the next. */
  readonly weightStrides: readonly [row: string, channel: string];
  /** WGSL: `load_b` and what it needs. */
  readonly load: string;
}

/** Channels are k's innermost, so that neighbouring steps share a tap. */
function tapSource({ name, writes, firstTap, weightStrides, load }: TapProduct): GemmSource {
  const gathers = writes === "out" ? "in" : "out";
  return {
    name,
    params: PARAMS,
    functions: `${SIZES}
fn row_state(row: i32) -> i32 { return row * ${weightStrides[0]}; }
fn column_state(column: i32) -> vec4<i32> {
  let image = column / ${writes}_pixels();
  let pixel = column % ${writes}_pixels();
  let y = pixel / params.${writes}_width;
  let x = pixel % params.${writes}_width;
  return vec4<i32>(image * params.${gathers}_channels * ${gathers}_pixels(), ${firstTap[0]}, ${firstTap[1]}, 0);
}
fn k_at(channel: i32, y: i32, x: i32) -> vec4<i32> {
  return vec4<i32>(channel * ${gathers}_pixels(), y * params.dilation_y, x * params.dilation_x,
    channel * ${weightStrides[1]} + y * params.kernel_width + x);
}
fn k_state(k: i32) -> vec4<i32> {
  let tap = k % taps();
  return k_at(k / taps(), tap / params.kernel_width, tap % params.kernel_width);
}
fn load_a(k: vec4<i32>, row: i32) -> f32 { return b0[row + k.w]; }
${load}
fn out_column(column: i32) -> i32 {
  return column / ${writes}_pixels() * params.${writes}_channels * ${writes}_pixels() + column % ${writes}_pixels();
}
fn out_row() -> i32 { return ${writes}_pixels(); }
fn epilogue_column(column: i32) -> i32 { return column % ${writes}_pixels(); }`,
    loops: {
      headers: [
        "for (var y = 0; y < params.kernel_height; y++)",
        "for (var x = 0; x < params.kernel_width; x++)",
        `for (var channel = 0; channel < params.${gathers}_channels; channel++)`,
      ],
      state: "k_at(channel, y, x)",
    },
    shareK: true,
    aFast: "k",
    bFast: "outer",
  };
}

export const forward: Conv2dProduct = {
  source: tapSource({
    name: "conv2d",
    writes: "out",
    firstTap: ["y * params.stride_y - params.padding_y", "x * params.stride_x - params.padding_x"],
    weightStrides: ["params.in_channels * taps()", "taps()"],
    load: `${LOAD_INPUT}
fn load_b(k: vec4<i32>, column: vec4<i32>) -> f32 { return input_at(column.x + k.x, column.y + k.y, column.z + k.z); }`,
  }),
  shape: (s) => ({
    m: s.outChannels,
    n: s.batch * s.outHeight * s.outWidth,
    k: s.inChannels * s.kernelHeight * s.kernelWidth,
    batches: 1,
  }),
};

export const inputGradient: Conv2dProduct = {
  source: tapSource({
    name: "conv2d gradient of the input",
    writes: "in",
    firstTap: ["y + params.padding_y", "x + params.padding_x"],
    weightStrides: ["taps()", "params.in_channels * taps()"],
    load: `fn load_b(k: vec4<i32>, column: vec4<i32>) -> f32 {
  // An output pixel saw this input through this tap if the distance is a whole number of strides.
  let far_y = column.y - k.y;
  let far_x = column.z - k.z;
  let y = i32(u32(far_y) / u32(params.stride_y));
  let x = i32(u32(far_x) / u32(params.stride_x));
  let inside = far_y >= 0 && far_x >= 0 && y * params.stride_y == far_y && x * params.stride_x == far_x &&
    y < params.out_height && x < params.out_width;
  return select(0.0, b1[select(0, column.x + k.x + y * params.out_width + x, inside)], inside);
}`,
  }),
  shape: (s) => ({
    m: s.inChannels,
    n: s.batch * s.inHeight * s.inWidth,
    k: s.outChannels * s.kernelHeight * s.kernelWidth,
    batches: 1,
  }),
};

export const weightGradient: Conv2dProduct = {
  source: {
    name: "conv2d gradient of the weight",
    params: PARAMS,
    functions: `${SIZES}
${LOAD_INPUT}
fn row_state(row: i32) -> i32 { return row * out_pixels(); }
fn column_state(column: i32) -> vec4<i32> {
  let tap = column % taps();
  return vec4<i32>(column / taps() * in_pixels(), tap / params.kernel_width * params.dilation_y,
    tap % params.kernel_width * params.dilation_x, 0);
}
fn k_at(image: i32, y: i32, x: i32) -> vec4<i32> {
  return vec4<i32>(image * params.out_channels * out_pixels() + y * params.out_width + x,
    image * params.in_channels * in_pixels(), y * params.stride_y - params.padding_y,
    x * params.stride_x - params.padding_x);
}
fn k_state(k: i32) -> vec4<i32> {
  let pixel = k % out_pixels();
  return k_at(k / out_pixels(), pixel / params.out_width, pixel % params.out_width);
}
fn load_a(k: vec4<i32>, row: i32) -> f32 { return b0[row + k.x]; }
fn load_b(k: vec4<i32>, column: vec4<i32>) -> f32 { return input_at(column.x + k.y, column.y + k.z, column.z + k.w); }
fn out_column(column: i32) -> i32 { return column; }
fn out_row() -> i32 { return params.n; }
fn epilogue_column(column: i32) -> i32 { return column; }`,
    loops: {
      headers: [
        "for (var image = 0; image < params.batch; image++)",
        "for (var y = 0; y < params.out_height; y++)",
        "for (var x = 0; x < params.out_width; x++)",
      ],
      state: "k_at(image, y, x)",
    },
    shareK: true,
    aFast: "k",
    bFast: "k",
  },
  shape: (s) => ({
    m: s.outChannels,
    n: s.inChannels * s.kernelHeight * s.kernelWidth,
    k: s.batch * s.outHeight * s.outWidth,
    batches: 1,
  }),
};

/** Whether a convolution is a product of matrices as it stands: one tap, unit stride, no padding. */
export function isPointwise(s: Conv2dShape): boolean {
  const all = [s.kernelHeight, s.kernelWidth, ...s.stride];
  return all.every((size) => size === 1) && s.padding.every((size) => size === 0);
}

/** Such a convolution as that product: weight [O, C] times every image [C, pixels]. */
export function pointwiseMatmul({ shape, input, weight, output, epilogue }: Conv2dCall): MatmulCall {
  const pixels = shape.inHeight * shape.inWidth;
  return {
    m: shape.outChannels,
    n: pixels,
    k: shape.inChannels,
    outerBatch: shape.batch,
    innerBatch: 1,
    a: weight,
    aLayout: { row: shape.inChannels, column: 1, outer: 0, inner: 0 },
    b: input,
    bLayout: { row: pixels, column: 1, outer: shape.inChannels * pixels, inner: 0 },
    out: output,
    outLayout: { row: pixels, column: 1, outer: shape.outChannels * pixels, inner: 0 },
    epilogue,
  };
}
