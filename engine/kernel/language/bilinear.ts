/**
 * Bilinear sampling as deformable attention needs it: the four pixels around a point, and their weights. Locations are
 * (x, y) in 0..1 of the image; a pixel's centre is at (i + 0.5) / size, and outside is zero (PyTorch's `grid_sample` with
 * align_corners = false).
 *
 * It is part of the machine because finding the pixels costs more than reading them: this file does it in plain numbers,
 * a machine with integer vectors may do it faster (`wasm/bilinear.ts`), to the same bits.
 */

import type { BufferRef, Machine, Value } from "./machine.ts";

/** An image within a buffer. All values are i32. */
export interface Plane {
  /** Rows of the image. */
  readonly height: Value;
  /** Pixels of a row. */
  readonly width: Value;
  /** The element at the top left. */
  readonly base: Value;
  /** From a pixel to its right neighbour, in elements; rows follow each other. */
  readonly stride: Value;
}

/** One of the four pixels around a point. */
export interface Corner {
  /** The pixel's element, or that of the nearest pixel where it would lie outside. */
  readonly offset: Value;
  /** Its row, which may lie outside. */
  readonly row: Value;
  /** Whether it lies in the image, a bool. */
  inside(): Value;
  /** Its share of the point (f32), 0 outside. */
  readonly weight: Value;
  /** weight · factor in every lane of a vector. */
  share(): Value;
}

/** A point between pixels. */
export interface SamplePoint {
  /** Top left, top right, bottom left, bottom right. */
  readonly corners: readonly Corner[];
  /** How far the point is past the top left pixel's centre, 0..1. */
  readonly fractionX: Value;
  /** The same downwards. */
  readonly fractionY: Value;
}

/** Finds the pixels around points of one image. */
export interface BilinearSampler {
  /** The pixels around the location (x, y) at `index` and behind it. `factor` (f32) multiplies shares; default 1. */
  at(locations: BufferRef, index: Value, factor?: Value): SamplePoint;
}

/** Samples an image one point at a time, on any machine. */
export function plainSampler(m: Machine, { height, width, base, stride }: Plane): BilinearSampler {
  return {
    at(locations, index, factor = m.float(1)) {
      const axis = (coordinate: Value, size: Value) => {
        const position = m.sub(m.mul(coordinate, m.toFloat(size)), m.float(0.5));
        const first = m.math("floor", position);
        const fraction = m.sub(position, first);
        return { fraction, pair: neighbours(m, m.toInt(first), { fraction, size }) };
      };
      const x = axis(m.load(locations, index), width);
      const y = axis(m.load(locations, m.add(index, m.int(1))), height);
      const corners = y.pair.flatMap((row): Corner[] => {
        const start = m.mul(row.clamped, width);
        return x.pair.map((column) => {
          const weight = m.mul(row.weight, column.weight);
          return {
            offset: m.add(base, m.mul(m.add(start, column.clamped), stride)),
            row: row.at,
            inside: () => m.both(row.inside, column.inside),
            weight,
            share: () => m.splat(m.mul(weight, factor)),
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
function neighbours(m: Machine, first: Value, { fraction, size }: { readonly fraction: Value; readonly size: Value }) {
  const [zero, last] = [m.int(0), m.sub(size, m.int(1))];
  const weights = [m.sub(m.float(1), fraction), fraction];
  return [first, m.add(first, m.int(1))].map((at, i) => {
    const inside = m.both(m.le(zero, at), m.lt(at, size));
    const clamped = m.arithmetic("min", m.arithmetic("max", at, zero), last);
    return { at, inside, clamped, weight: m.select(inside, weights[i], m.float(0)) };
  });
}
