/**
 * Bilinear sampling as deformable attention needs it: the four pixels around a point, and their weights. Locations are
 * (x, y) in 0..1 of the image; a pixel's centre is at (i + 0.5) / size, and outside is zero (PyTorch's `grid_sample` with
 * align_corners = false).
 *
 * It is part of the machine because finding the pixels costs more than reading them: this file does it in plain numbers,
 * a machine with integer vectors may do it faster (`wasm/bilinear.ts`), to the same bits.
 */

import type { BufferRef, Float, Int, Value, ValueMachine, Vector } from "./value.ts";

/**
 * An image within a buffer.
 *
 * @category Own operations
 */
export interface Plane {
  /** Rows of the image. */
  readonly height: Int;
  /** Pixels of a row. */
  readonly width: Int;
  /** The element at the top left. */
  readonly base: Int;
  /** From a pixel to its right neighbour, in elements; rows follow each other. */
  readonly stride: Int;
}

/**
 * One of the four pixels around a point.
 *
 * @category Own operations
 */
export interface Corner {
  /** The pixel's element, or that of the nearest pixel where it would lie outside. */
  readonly offset: Int;
  /** Its row, which may lie outside. */
  readonly row: Int;
  /** Whether it lies in the image. */
  inside(): Value<"bool">;
  /** Its share of the point, 0 outside. */
  readonly weight: Float;
  /** weight · factor in every lane of a vector. */
  share(): Vector;
}

/**
 * A point between pixels.
 *
 * @category Own operations
 */
export interface SamplePoint {
  /** Top left, top right, bottom left, bottom right. */
  readonly corners: readonly Corner[];
  /** How far the point is past the top left pixel's centre, 0..1. */
  readonly fractionX: Float;
  /** The same downwards. */
  readonly fractionY: Float;
}

/**
 * Finds the pixels around points of one image.
 *
 * @category Own operations
 */
export interface BilinearSampler {
  /** The pixels around the location (x, y) at `index` and behind it. `factor` multiplies shares; default 1. */
  at(locations: BufferRef<"f32">, index: Int, factor?: Float): SamplePoint;
}

/** Samples an image one point at a time, on any machine. */
export function plainSampler(m: ValueMachine, { height, width, base, stride }: Plane): BilinearSampler {
  return {
    at(locations, index, factor = m.float(1)) {
      const axis = (coordinate: Float, size: Int) => {
        const position = coordinate.mul(size.toFloat()).sub(0.5);
        const first = position.floor();
        const fraction = position.sub(first);
        return { fraction, pair: neighbours(m, first.toInt(), { fraction, size }) };
      };
      const x = axis(locations.load(index), width);
      const y = axis(locations.load(index.add(1)), height);
      const corners = y.pair.flatMap((row): Corner[] => {
        const start = row.clamped.mul(width);
        return x.pair.map((column) => {
          const weight = row.weight.mul(column.weight);
          return {
            offset: base.add(start.add(column.clamped).mul(stride)),
            row: row.at,
            inside: () => row.inside.and(column.inside),
            weight,
            share: () => weight.mul(factor).splat(),
          };
        });
      });
      return { corners, fractionX: x.fraction, fractionY: y.fraction };
    },
  };
}

/**
 * The two pixels around a coordinate along one axis. Outside the image they weigh nothing and are read at its edge. (Numbers
 * too large for an integer become the largest one, and the pixel after that the smallest: both are outside.)
 */
function neighbours(m: ValueMachine, first: Int, { fraction, size }: { readonly fraction: Float; readonly size: Int }) {
  const [zero, last] = [m.int(0), size.sub(1)];
  const weights = [m.float(1).sub(fraction), fraction];
  return [first, first.add(1)].map((at, i) => {
    const inside = at.ge(zero).and(at.lt(size));
    const clamped = at.max(zero).min(last);
    return { at, inside, clamped, weight: inside.select(weights[i], 0) };
  });
}
