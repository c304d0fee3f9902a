/**
 * Convolution of each channel by itself, as in ConvNeXt's 7 × 7 (Liu et al., arXiv:2201.03545). Kernels see images with
 * channels last, so that four channels are one vector whatever the window's offset; other images are permuted around them.
 */

import { ShapeError } from "../errors.ts";
import { joinIndex, splitIndex } from "../kernel/language/index_arithmetic.ts";
import type { Machine } from "../kernel/language/machine.ts";
import type { Int } from "../kernel/language/value.ts";
import { defineKernel, lanesOf } from "../launch/kernel.ts";
import { defineOp } from "../op.ts";
import { formatShape, type Shape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { permute } from "./layout.ts";

/** Of input and output images, windows and what is padded around; channels are counted in vectors. */
const SIZES = [
  ...["outHeight", "outWidth", "height", "width", "vectors"] as const,
  ...["kernelHeight", "kernelWidth", "paddingY", "paddingX"] as const,
] as const;

/** The places 0 … count-1 that stay within 0..size when moved by `shift`: the first, and how many. */
function within(m: Machine, { count, size, shift }: { readonly count: Int; readonly size: Int; readonly shift: Int }) {
  const first = m.int(0).sub(shift).max(0);
  return { first, count: count.min(size.sub(shift)).sub(first) };
}

/**
 * An item is a vector of channels of an output pixel. With `flip` 1 the window is turned around, which gives the input's
 * gradient from the output's.
 */
const convolution = defineKernel({
  name: "depthwise_conv",
  reads: { input: "f32", weight: "f32" },
  writes: { output: "f32" },
  sizes: [...SIZES, "flip"],
  vectors: true,
  body: (m, at) => {
    const { item, input, weight, output, height, width, vectors, kernelHeight, kernelWidth } = at;
    const [image, outY, outX, vector] = splitIndex(item, [at.outHeight, at.outWidth, vectors]);
    const [top, left] = [outY.sub(at.paddingY), outX.sub(at.paddingX)];
    const rows = within(m, { count: kernelHeight, size: height, shift: top });
    const columns = within(m, { count: kernelWidth, size: width, shift: left });
    const last = kernelHeight.mul(kernelWidth).sub(1);
    const total = m.variable(m.splat(0));
    m.loop(rows.count, (row) => {
      const ky = rows.first.add(row);
      m.loop(columns.count, (column) => {
        const kx = columns.first.add(column);
        const tap = joinIndex([ky, kx], [kernelWidth]);
        const turned = at.flip.eq(1).select(last.sub(tap), tap);
        const pixel = joinIndex([image, top.add(ky), left.add(kx)], [height, width]);
        const value = input.loadVec(joinIndex([pixel, vector], [vectors]).mul(m.lanes));
        const factor = weight.loadVec(joinIndex([turned, vector], [vectors]).mul(m.lanes));
        total.add(value.mul(factor));
      });
    });
    output.store(item.mul(m.lanes), total.get());
  },
});

/** An item is a tap of the window and a vector of channels; it goes over all pixels, each row's sum by itself. */
const weightGradient = defineKernel({
  name: "depthwise_conv_weight_gradient",
  reads: { input: "f32", gradOutput: "f32" },
  writes: { gradWeight: "f32" },
  sizes: ["batch", ...SIZES],
  vectors: true,
  body: (m, at) => {
    const { item, input, gradOutput, gradWeight, batch, outHeight, outWidth, height, width, vectors } = at;
    const [ky, kx, vector] = splitIndex(item, [at.kernelWidth, vectors]);
    const [shiftY, shiftX] = [ky.sub(at.paddingY), kx.sub(at.paddingX)];
    const rows = within(m, { count: outHeight, size: height, shift: shiftY });
    const columns = within(m, { count: outWidth, size: width, shift: shiftX });
    const total = m.variable(m.splat(0));
    m.loop(batch, (image) => {
      m.loop(rows.count, (row) => {
        const outY = rows.first.add(row);
        const inRow = joinIndex([image, outY.add(shiftY)], [height]).mul(width);
        const outRow = joinIndex([image, outY], [outHeight]).mul(outWidth);
        const sum = m.variable(m.splat(0));
        m.loop(columns.count, (column) => {
          const outX = columns.first.add(column);
          const vectorOf = (pixel: Int) => joinIndex([pixel, vector], [vectors]).mul(m.lanes);
          const value = input.loadVec(vectorOf(inRow.add(outX.add(shiftX))));
          const gradient = gradOutput.loadVec(vectorOf(outRow.add(outX)));
          sum.add(value.mul(gradient));
        });
        total.add(sum.get());
      });
    });
    gradWeight.store(item.mul(m.lanes), total.get());
  },
});

interface Options {
  readonly padding: readonly [number, number];
}

/** The sizes of a convolution of images [N, H, W, C] with taps [kh, kw, C] into [N, H', W', C]. */
function sizesOf(image: Shape, { taps, output, padding }: { taps: Shape; output: Shape; padding: Options["padding"] }) {
  const [, height, width, channels] = image;
  const lanes = lanesOf(channels);
  const [kernelHeight, kernelWidth] = taps;
  const [, outHeight, outWidth] = output;
  const [paddingY, paddingX] = padding;
  const sizes = { outHeight, outWidth, height, width, vectors: channels / lanes };
  return { ...sizes, kernelHeight, kernelWidth, paddingY, paddingX, lanes };
}

/** Convolves x [N, H, W, C] with taps [kh, kw, C] into [N, H', W', C]. */
function convolve(
  output: Tensor,
  { x, taps }: { readonly x: Tensor; readonly taps: Tensor },
  { padding, flip }: Options & { readonly flip: boolean },
): Tensor {
  const sizes = sizesOf(x.shape, { taps: taps.shape, output: output.shape, padding });
  const items = output.size / sizes.lanes;
  convolution.launch({ input: x, weight: taps, output, ...sizes, flip: Number(flip), items });
  return output;
}

const depthwiseOp = defineOp<readonly [Tensor, Tensor], Options, { x: Tensor; taps: Tensor }>({
  name: "depthwiseConv2d",
  output: ([x, taps], { padding }) => {
    const [batch, height, width, channels] = x.shape;
    const out = [height + 2 * padding[0] - taps.shape[0] + 1, width + 2 * padding[1] - taps.shape[1] + 1];
    if (x.rank !== 4 || taps.shape[2] !== channels || out[0] < 1 || out[1] < 1) {
      throw new ShapeError(
        `depthwiseConv2d: expected an image at least as large as its window, and as many channels, but found ${
          formatShape(x.shape)
        } and ${formatShape(taps.shape)}, channels last`,
      );
    }
    return { shape: [batch, ...out, channels] };
  },
  run: ({ inputs: [x, taps], options, output }) => void convolve(output, { x, taps }, { ...options, flip: false }),
  save: ({ inputs: [x, taps] }) => ({ x, taps }),
  gradient: ({ gradOutput, saved: { x, taps }, options: { padding }, needs }) => {
    const [kernelHeight, kernelWidth] = taps.shape;
    const opposite = [kernelHeight - 1 - padding[0], kernelWidth - 1 - padding[1]] as const;
    const gradX = needs[0]
      ? convolve(x.empty(x.shape), { x: gradOutput, taps }, { padding: opposite, flip: true })
      : undefined;
    if (!needs[1]) return [gradX, undefined];
    const gradTaps = taps.empty(taps.shape);
    const sizes = sizesOf(x.shape, { taps: taps.shape, output: gradOutput.shape, padding });
    const items = taps.size / sizes.lanes;
    weightGradient.launch({ input: x, gradOutput, gradWeight: gradTaps, batch: x.shape[0], ...sizes, items });
    return [gradX, gradTaps];
  },
});

/**
 * x [N, C, H, W] (or [N, H, W, C] with `channelsLast`), weight [C, 1, kh, kw], bias [C]: each channel convolved with its own
 * window, at stride 1. The result is laid out as x.
 *
 * @throws {RangeError} where shapes do not fit
 * @category Images
 */
export function depthwiseConv2d(
  x: Tensor,
  parameters: { readonly weight: Tensor; readonly bias?: Tensor },
  options: { readonly padding?: number | readonly [number, number]; readonly channelsLast?: boolean } = {},
): Tensor {
  const { weight, bias } = parameters;
  const { padding = 0, channelsLast = false } = options;
  const [channels, , kernelHeight, kernelWidth] = weight.shape;
  const taps = permute(weight.reshape([channels, kernelHeight, kernelWidth]), [1, 2, 0]);
  const last = channelsLast ? x : permute(x, [0, 2, 3, 1]);
  const product = depthwiseOp([last, taps], { padding: typeof padding === "number" ? [padding, padding] : padding });
  const sum = bias ? product.add(bias) : product;
  return channelsLast ? sum : permute(sum, [0, 3, 1, 2]);
}
