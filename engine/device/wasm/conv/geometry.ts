/**
 * Where a convolution reads: the frame of zeros that its padding needs, and the tables of offsets that make it a matrix
 * product (`pack_gather.ts`).
 */

import type { Conv2dShape } from "../../device.ts";

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

/** Every sum of one number of each axis, the last axis fastest: offsets of a grid from those of its axes. */
function sums(...axes: readonly ArrayLike<number>[]): Int32Array {
  let result = Int32Array.of(0);
  for (const axis of axes) {
    const longer = new Int32Array(result.length * axis.length);
    let at = 0;
    for (let i = 0; i < result.length; i++) {
      for (let j = 0; j < axis.length; j++) longer[at++] = result[i] + axis[j];
    }
    result = longer;
  }
  return result;
}

/** Byte offsets of `count` elements that lie `step` elements apart. */
export function sequence(count: number, step = 1): Int32Array {
  const offsets = new Int32Array(count);
  for (let i = 0; i < count; i++) offsets[i] = 4 * i * step;
  return offsets;
}

/** The offsets once for each of several images that lie `bytes` apart. */
export function repeatOffsets(
  offsets: Int32Array,
  { times, bytes }: { readonly times: number; readonly bytes: number },
): Int32Array {
  return times === 1 ? offsets : sums(sequence(times, bytes / 4), offsets);
}

/** Byte offsets of the windows of all output pixels, row by row. */
export function pixelOffsets(shape: Conv2dShape, { width }: Frame): Int32Array {
  return sums(sequence(shape.outHeight, shape.stride[0] * width), sequence(shape.outWidth, shape.stride[1]));
}

/** Byte offsets within a window of all channels and kernel taps, in the order of the weights. */
export function tapOffsets(shape: Conv2dShape, { height, width }: Frame): Int32Array {
  return sums(
    sequence(shape.inChannels, height * width),
    sequence(shape.kernelHeight, shape.dilation[0] * width),
    sequence(shape.kernelWidth, shape.dilation[1]),
  );
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
interface GradientPhase {
  readonly pixels: number;
  /** Offsets in the framed gradOutput: of pixels, and of channels and taps. */
  readonly across: Int32Array;
  readonly down: Int32Array;
  /** Offsets in the weights of output channels and taps, in the order of `down`. */
  readonly weights: Int32Array;
  /** Offsets of the pixels in an input plane. */
  readonly scatter: Int32Array;
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
    columns.map((column) => ({
      pixels: row.count * column.count,
      across: sums(sequence(row.count, framed.width), sequence(column.count)),
      scatter: sums(
        [4 * (row.phase * inWidth + column.phase)],
        sequence(row.count, shape.stride[0] * inWidth),
        sequence(column.count, shape.stride[1]),
      ),
      down: sums(
        sequence(outChannels, framed.height * framed.width),
        row.taps.map(({ shift }) => 4 * (shift + framed.top) * framed.width),
        column.taps.map(({ shift }) => 4 * (shift + framed.left)),
      ),
      weights: sums(
        sequence(outChannels, inChannels * kernelHeight * kernelWidth),
        row.taps.map(({ tap }) => 4 * tap * kernelWidth),
        column.taps.map(({ tap }) => 4 * tap),
      ),
    }))
  );
  return { frame: framed, phases: phases.filter(({ pixels }) => pixels > 0) };
}
