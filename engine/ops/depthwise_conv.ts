/**
 * Convolution of each channel by itself, as in ConvNeXt's 7 × 7 (Liu et al., arXiv:2201.03545). Kernels see images with
 * channels last, so that four channels are one vector whatever the window's offset; other images are permuted around them.
 */

import type { IndexedKernel } from "../kernel/language/recipes.ts";
import { splitIndex } from "../kernel/language/split_index.ts";
import { defineOp } from "../op.ts";
import { formatShape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { permute } from "./layout.ts";

const SIZES = ["height", "width", "vectors", "kernelHeight", "kernelWidth", "paddingY", "paddingX", "flip"];

/**
 * An item is a vector of channels of an output pixel. With `flip` 1 the window is turned around, which gives the input's
 * gradient from the output's.
 */
const forwardKernel = (lanes: 1 | 4): IndexedKernel => ({
  kind: "indexed",
  name: `depthwise_conv_${lanes}`,
  buffers: [
    { name: "input", dtype: "f32", access: "read" },
    { name: "weight", dtype: "f32", access: "read" },
    { name: "output", dtype: "f32", access: "write" },
  ],
  sizes: ["outHeight", "outWidth", ...SIZES],
  lanes,
  body: (m, item, { buffers: [x, weight, output], sizes }) => {
    const [outHeight, outWidth, height, width, vectors, kernelHeight, kernelWidth, paddingY, paddingX, flip] = sizes;
    const [image, outY, outX, vector] = splitIndex(m, item, [outHeight, outWidth, vectors]);
    const [top, left] = [m.sub(outY, paddingY), m.sub(outX, paddingX)];
    const [firstY, firstX] = [top, left].map((start) => m.arithmetic("max", m.sub(m.int(0), start), m.int(0)));
    const rows = m.sub(m.arithmetic("min", kernelHeight, m.sub(height, top)), firstY);
    const columns = m.sub(m.arithmetic("min", kernelWidth, m.sub(width, left)), firstX);
    const last = m.sub(m.mul(kernelHeight, kernelWidth), m.int(1));
    const total = m.variable(m.splat(0));
    m.loop(rows, (row) => {
      const ky = m.add(firstY, row);
      const y = m.add(m.mul(image, height), m.add(top, ky));
      m.loop(columns, (column) => {
        const kx = m.add(firstX, column);
        const tap = m.add(m.mul(ky, kernelWidth), kx);
        const turned = m.select(m.eq(flip, m.int(1)), m.sub(last, tap), tap);
        const pixel = m.add(m.mul(y, width), m.add(left, kx));
        const value = m.loadVec(x, m.mul(m.add(m.mul(pixel, vectors), vector), m.int(lanes)));
        const factor = m.loadVec(weight, m.mul(m.add(m.mul(turned, vectors), vector), m.int(lanes)));
        total.set(m.add(total.get(), m.mul(value, factor)));
      });
    });
    m.store(output, m.mul(item, m.int(lanes)), total.get());
  },
});

/** An item is a tap of the window and a vector of channels; it goes over all pixels, each row's sum by itself. */
const weightKernel = (lanes: 1 | 4): IndexedKernel => ({
  kind: "indexed",
  name: `depthwise_conv_weight_gradient_${lanes}`,
  buffers: [
    { name: "input", dtype: "f32", access: "read" },
    { name: "gradOutput", dtype: "f32", access: "read" },
    { name: "gradWeight", dtype: "f32", access: "write" },
  ],
  sizes: ["batch", "outHeight", "outWidth", ...SIZES],
  lanes,
  body: (m, item, { buffers: [x, gradOutput, gradWeight], sizes }) => {
    const [batch, outHeight, outWidth, height, width, vectors, , kernelWidth, paddingY, paddingX] = sizes;
    const [ky, kx, vector] = splitIndex(m, item, [kernelWidth, vectors]);
    const [shiftY, shiftX] = [m.sub(ky, paddingY), m.sub(kx, paddingX)];
    const [firstY, firstX] = [shiftY, shiftX].map((shift) => m.arithmetic("max", m.sub(m.int(0), shift), m.int(0)));
    const rows = m.sub(m.arithmetic("min", outHeight, m.sub(height, shiftY)), firstY);
    const columns = m.sub(m.arithmetic("min", outWidth, m.sub(width, shiftX)), firstX);
    const total = m.variable(m.splat(0));
    m.loop(batch, (image) => {
      m.loop(rows, (row) => {
        const outY = m.add(firstY, row);
        const inRow = m.mul(m.add(m.mul(image, height), m.add(outY, shiftY)), width);
        const outRow = m.mul(m.add(m.mul(image, outHeight), outY), outWidth);
        const sum = m.variable(m.splat(0));
        m.loop(columns, (column) => {
          const outX = m.add(firstX, column);
          const at = (pixel: typeof outX) => m.mul(m.add(m.mul(pixel, vectors), vector), m.int(lanes));
          const value = m.loadVec(x, at(m.add(inRow, m.add(outX, shiftX))));
          const gradient = m.loadVec(gradOutput, at(m.add(outRow, outX)));
          sum.set(m.add(sum.get(), m.mul(value, gradient)));
        });
        total.set(m.add(total.get(), sum.get()));
      });
    });
    m.store(gradWeight, m.mul(item, m.int(lanes)), total.get());
  },
});

const forwards = { 1: forwardKernel(1), 4: forwardKernel(4) };
const weightGradients = { 1: weightKernel(1), 4: weightKernel(4) };

interface Options {
  readonly padding: readonly [number, number];
}

/** Convolves x [N, H, W, C] with taps [kh, kw, C] into [N, H', W', C]. */
function convolve(
  output: Tensor,
  { x, taps }: { readonly x: Tensor; readonly taps: Tensor },
  { padding, flip }: Options & { readonly flip: boolean },
): Tensor {
  const [, height, width, channels] = x.shape;
  const lanes = channels % 4 === 0 ? 4 : 1;
  const [outHeight, outWidth] = output.shape.slice(1);
  x.device.indexed({
    kernel: forwards[lanes],
    buffers: [x.buffer, taps.buffer, output.buffer],
    sizes: [
      ...[outHeight, outWidth, height, width, channels / lanes],
      ...[taps.shape[0], taps.shape[1], ...padding, Number(flip)],
    ],
    items: output.size / lanes,
  });
  return output;
}

const depthwiseOp = defineOp<readonly [Tensor, Tensor], Options, { x: Tensor; taps: Tensor }>({
  name: "depthwiseConv2d",
  output: ([x, taps], { padding }) => {
    const [batch, height, width, channels] = x.shape;
    const out = [height + 2 * padding[0] - taps.shape[0] + 1, width + 2 * padding[1] - taps.shape[1] + 1];
    if (x.rank !== 4 || taps.shape[2] !== channels || out[0] < 1 || out[1] < 1) {
      throw new RangeError(
        `depthwiseConv2d: expected an image at least as large as its window, and as many channels, but found ${
          formatShape(x.shape)
        } and ${formatShape(taps.shape)}, channels last`,
      );
    }
    return { shape: [batch, ...out, channels] };
  },
  run: ({ inputs: [x, taps], options, output }) => void convolve(output, { x, taps }, { ...options, flip: false }),
  save: ({ inputs: [x, taps] }) => ({ x, taps }),
  gradient: ({ gradOutput, saved: { x, taps }, options: { padding }, needs, device }) => {
    const [kernelHeight, kernelWidth, channels] = taps.shape;
    const opposite = [kernelHeight - 1 - padding[0], kernelWidth - 1 - padding[1]] as const;
    const gradX = needs[0]
      ? convolve(x.empty(x.shape), { x: gradOutput, taps }, { padding: opposite, flip: true })
      : undefined;
    if (!needs[1]) return [gradX, undefined];
    const gradTaps = taps.empty(taps.shape);
    const lanes = channels % 4 === 0 ? 4 : 1;
    const [batch, height, width] = x.shape;
    device.indexed({
      kernel: weightGradients[lanes],
      buffers: [x.buffer, gradOutput.buffer, gradTaps.buffer],
      sizes: [
        ...[batch, ...gradOutput.shape.slice(1, 3), height, width, channels / lanes],
        ...[kernelHeight, kernelWidth, ...padding, 0],
      ],
      items: taps.size / lanes,
    });
    return [gradX, gradTaps];
  },
});

/**
 * x [N, C, H, W] (or [N, H, W, C] with `channelsLast`), weight [C, 1, kh, kw], bias [C]: each channel convolved with its own
 * window, at stride 1. The result is laid out as x.
 */
export function depthwiseConv2d(
  x: Tensor,
  parameters: { readonly weight: Tensor; readonly bias?: Tensor },
  options: { readonly padding?: number; readonly channelsLast?: boolean } = {},
): Tensor {
  const { weight, bias } = parameters;
  const { padding = 0, channelsLast = false } = options;
  const [channels, , kernelHeight, kernelWidth] = weight.shape;
  const taps = permute(weight.reshape([channels, kernelHeight, kernelWidth]), [1, 2, 0]);
  const last = channelsLast ? x : permute(x, [0, 2, 3, 1]);
  const product = depthwiseOp([last, taps], { padding: [padding, padding] });
  const sum = bias ? product.add(bias) : product;
  return channelsLast ? sum : permute(sum, [0, 3, 1, 2]);
}
