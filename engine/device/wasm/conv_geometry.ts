/**
 * Where a convolution reads: the frame of zeros that its padding needs, and the tables of offsets that make it a matrix
 * product (`pack_gather.ts`).
 */

import type { Conv2dShape } from "../device.ts";

/** An image in a frame: `top` rows and `left` columns of zeros in front, cut or filled up to height and width. */
export interface Frame {
  readonly top: number;
  readonly left: number;
  readonly height: number;
  readonly width: number;
  /** Whether the image can be read where it lies; then height and width are its own. */
  readonly inPlace: boolean;
}

/** The frame of the input of a convolution: what its windows touch. */
export function inputFrame(shape: Conv2dShape): Frame {
  const { padding, stride, dilation, inHeight, inWidth } = shape;
  return frame({
    top: padding[0],
    left: padding[1],
    height: (shape.outHeight - 1) * stride[0] + (shape.kernelHeight - 1) * dilation[0] + 1,
    width: (shape.outWidth - 1) * stride[1] + (shape.kernelWidth - 1) * dilation[1] + 1,
    inner: { height: inHeight, width: inWidth },
  });
}

function frame(
  { top, left, height, width, inner }: {
    readonly top: number;
    readonly left: number;
    readonly height: number;
    readonly width: number;
    readonly inner: { readonly height: number; readonly width: number };
  },
): Frame {
  const inPlace = top === 0 && left === 0 && height <= inner.height && width <= inner.width;
  return inPlace ? { top, left, ...inner, inPlace } : { top, left, height, width, inPlace };
}

/** Byte offsets of `count` elements that lie `step` elements apart. */
export function sequence(count: number, step = 1): number[] {
  return Array.from({ length: count }, (_, i) => 4 * i * step);
}

/** The offsets once for each of several images that lie `bytes` apart. */
export function repeatOffsets(
  offsets: readonly number[],
  { times, bytes }: { readonly times: number; readonly bytes: number },
): number[] {
  return Array.from({ length: times }, (_, i) => offsets.map((offset) => offset + i * bytes)).flat();
}

/** Byte offsets of the windows of all output pixels, row by row. */
export function pixelOffsets(shape: Conv2dShape, { width }: Frame): number[] {
  const offsets: number[] = [];
  for (let y = 0; y < shape.outHeight; y++) {
    for (let x = 0; x < shape.outWidth; x++) offsets.push(4 * (y * shape.stride[0] * width + x * shape.stride[1]));
  }
  return offsets;
}

/** Byte offsets within a window of all channels and kernel taps, in the order of the weights. */
export function tapOffsets(shape: Conv2dShape, { height, width }: Frame): number[] {
  const offsets: number[] = [];
  for (let channel = 0; channel < shape.inChannels; channel++) {
    for (let ky = 0; ky < shape.kernelHeight; ky++) {
      for (let kx = 0; kx < shape.kernelWidth; kx++) {
        offsets.push(4 * ((channel * height + ky * shape.dilation[0]) * width + kx * shape.dilation[1]));
      }
    }
  }
  return offsets;
}

/**
 * Input pixels (phase + stride * i) of one axis get their gradient from taps k for which phase + padding - dilation * k is
 * a multiple of the stride; the output pixel is i + shift. So every phase is a convolution of stride 1.
 */
interface AxisPhase {
  readonly phase: number;
  /** Input pixels of this phase. */
  readonly count: number;
  readonly taps: readonly { readonly tap: number; readonly shift: number }[];
}

function axisPhases(
  axis: {
    readonly size: number;
    readonly kernel: number;
    readonly stride: number;
    readonly padding: number;
    readonly dilation: number;
  },
): AxisPhase[] {
  return Array.from({ length: axis.stride }, (_, phase) => ({
    phase,
    count: Math.max(0, Math.ceil((axis.size - phase) / axis.stride)),
    taps: Array.from({ length: axis.kernel }, (_, tap) => ({
      tap,
      shift: (phase + axis.padding - axis.dilation * tap) / axis.stride,
    })).filter(({ shift }) => Number.isInteger(shift)),
  }));
}

/** One of stride x stride convolutions of stride 1 that make up the gradient of the input. */
export interface GradientPhase {
  readonly pixels: number;
  /** Offsets in the framed gradOutput: of pixels, and of channels and taps. */
  readonly across: readonly number[];
  readonly down: readonly number[];
  /** Offsets in the weights of output channels and taps, in the order of `down`. */
  readonly weights: readonly number[];
  /** Offsets of the pixels in an input plane. */
  readonly scatter: readonly number[];
}

/** How the gradient of the input is made of convolutions of stride 1, and the frame of gradOutput that they read. */
export function gradientPhases(
  shape: Conv2dShape,
): { readonly frame: Frame; readonly phases: readonly GradientPhase[] } {
  const { kernelHeight, kernelWidth, inChannels, outChannels, inWidth } = shape;
  const [rows, columns] = [0, 1].map((i) =>
    axisPhases({
      size: [shape.inHeight, shape.inWidth][i],
      kernel: [kernelHeight, kernelWidth][i],
      stride: shape.stride[i],
      padding: shape.padding[i],
      dilation: shape.dilation[i],
    })
  );
  const extent = (axis: readonly AxisPhase[]) => {
    const used = axis.filter(({ count }) => count > 0).flatMap(({ taps, count }) =>
      taps.map((tap) => ({ ...tap, count }))
    );
    const before = used.reduce((most, { shift }) => Math.max(most, -shift), 0);
    return { before, size: used.reduce((most, { shift, count }) => Math.max(most, before + shift + count), 1) };
  };
  const [vertical, horizontal] = [extent(rows), extent(columns)];
  const framed = frame({
    top: vertical.before,
    left: horizontal.before,
    height: vertical.size,
    width: horizontal.size,
    inner: { height: shape.outHeight, width: shape.outWidth },
  });
  const phases = rows.flatMap((row) =>
    columns.map((column) => {
      const across: number[] = [];
      const scatter: number[] = [];
      for (let y = 0; y < row.count; y++) {
        for (let x = 0; x < column.count; x++) {
          across.push(4 * (y * framed.width + x));
          scatter.push(4 * ((row.phase + shape.stride[0] * y) * inWidth + column.phase + shape.stride[1] * x));
        }
      }
      const down: number[] = [];
      const weights: number[] = [];
      for (let channel = 0; channel < outChannels; channel++) {
        for (const ky of row.taps) {
          for (const kx of column.taps) {
            const y = ky.shift + framed.top;
            const x = kx.shift + framed.left;
            down.push(4 * ((channel * framed.height + y) * framed.width + x));
            weights.push(4 * ((channel * inChannels * kernelHeight + ky.tap) * kernelWidth + kx.tap));
          }
        }
      }
      return { pixels: across.length, across, down, weights, scatter };
    })
  );
  return { frame: framed, phases: phases.filter(({ pixels }) => pixels > 0) };
}
