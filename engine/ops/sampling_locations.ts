/**
 * Where deformable attention looks (Zhu et al., arXiv:2010.04159): offsets around reference points, in pixels of each
 * level, or relative to a reference box. A kernel of its own, because broadcasting over an innermost axis of two would
 * spend its time on indices.
 *
 *     point:  location = reference.xy + offset / (width, height)
 *     box:    location = reference.xy + offset / points · reference.wh · ½
 */

import type { IndexedKernel } from "../kernel/language/recipes.ts";
import { splitIndex } from "../kernel/language/split_index.ts";
import { defineOp } from "../op.ts";
import { formatShape, sameShape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import type { SpatialShapes } from "./deformable_attention.ts";

const SIZES = ["heads", "levels", "points", "queries"];

/**
 * An item is a query, head and level. `forward` writes locations; the offsets' gradient is the locations' one times the
 * same factor.
 */
function locationKernel(coordinates: 2 | 4, what: "forward" | "offset_gradient"): IndexedKernel {
  return {
    kind: "indexed",
    name: `sampling_locations_${coordinates}_${what}`,
    buffers: [
      { name: "references", dtype: "f32", access: "read" },
      { name: "offsets", dtype: "f32", access: "read" },
      { name: "shapes", dtype: "f32", access: "read" },
      { name: "locations", dtype: "f32", access: "write" },
    ],
    sizes: SIZES,
    lanes: 1,
    body: (m, item, { buffers: [references, offsets, shapes, locations], sizes: [heads, levels, points] }) => {
      const [query, , level] = splitIndex(m, item, [heads, levels]);
      const reference = m.mul(m.add(m.mul(query, levels), level), m.int(coordinates));
      const first = m.mul(m.mul(item, points), m.int(2));
      for (const axis of [0, 1]) {
        const factor = coordinates === 2
          ? m.div(m.float(1), m.load(shapes, m.add(m.mul(level, m.int(2)), m.int(axis))))
          : m.div(m.mul(m.load(references, m.add(reference, m.int(2 + axis))), m.float(0.5)), m.toFloat(points));
        const centre = what === "forward" ? m.load(references, m.add(reference, m.int(axis))) : undefined;
        m.loop(points, (point) => {
          const at = m.add(m.add(first, m.mul(point, m.int(2))), m.int(axis));
          const moved = m.mul(m.load(offsets, at), factor);
          m.store(locations, at, centre ? m.add(centre, moved) : moved);
        });
      }
    },
  };
}

/** An item is a query, level and axis: it adds up over heads and points. Boxes also get the gradient of their size. */
function referenceKernel(coordinates: 2 | 4): IndexedKernel {
  return {
    kind: "indexed",
    name: `sampling_locations_${coordinates}_reference_gradient`,
    buffers: [
      { name: "gradLocations", dtype: "f32", access: "read" },
      { name: "offsets", dtype: "f32", access: "read" },
      { name: "gradReferences", dtype: "f32", access: "write" },
    ],
    sizes: SIZES,
    lanes: 1,
    body: (m, item, { buffers: [gradLocations, offsets, gradReferences], sizes: [heads, levels, points] }) => {
      const [query, level, axis] = splitIndex(m, item, [levels, m.int(2)]);
      const centre = m.variable(m.float(0));
      const size = m.variable(m.float(0));
      m.loop(heads, (head) => {
        const first = m.mul(m.add(m.mul(m.add(m.mul(query, heads), head), levels), level), points);
        m.loop(points, (point) => {
          const at = m.add(m.mul(m.add(first, point), m.int(2)), axis);
          const gradient = m.load(gradLocations, at);
          centre.set(m.add(centre.get(), gradient));
          if (coordinates === 4) size.set(m.add(size.get(), m.mul(gradient, m.load(offsets, at))));
        });
      });
      const target = m.add(m.mul(m.add(m.mul(query, levels), level), m.int(coordinates)), axis);
      m.store(gradReferences, target, centre.get());
      if (coordinates === 4) {
        const scaled = m.div(m.mul(size.get(), m.float(0.5)), m.toFloat(points));
        m.store(gradReferences, m.add(target, m.int(2)), scaled);
      }
    },
  };
}

const forwards = { 2: locationKernel(2, "forward"), 4: locationKernel(4, "forward") };
const offsetGradients = { 2: locationKernel(2, "offset_gradient"), 4: locationKernel(4, "offset_gradient") };
const referenceGradients = { 2: referenceKernel(2), 4: referenceKernel(4) };

interface Saved extends Record<string, Tensor> {
  readonly references: Tensor;
  readonly offsets: Tensor;
  readonly shapes: Tensor;
}

/** 2 for points, 4 for boxes. */
const coordinatesOf = (references: Tensor): 2 | 4 => references.shape[3] === 2 ? 2 : 4;

const sizesOf = ({ shape: [, queries, heads, levels, points] }: Tensor) => [heads, levels, points, queries];

const locationsOp = defineOp<readonly [Tensor, Tensor], { readonly shapes: Tensor }, Saved>({
  name: "samplingLocations",
  output: ([references, offsets], { shapes }) => {
    const [batch, queries, , levels] = offsets.shape;
    const fits = offsets.rank === 6 && references.rank === 4 && [2, 4].includes(references.shape[3]) &&
      sameShape(references.shape.slice(0, 3), [batch, queries, levels]) && levels === shapes.shape[0];
    if (!fits) {
      const found = [references, offsets].map(({ shape }) => formatShape(shape)).join(" and ");
      throw new RangeError(
        `samplingLocations: expected references [N, Q, L, 2 or 4] and offsets [N, Q, M, L, P, 2] but found ${found}`,
      );
    }
    return { shape: offsets.shape };
  },
  run: ({ inputs: [references, offsets], options: { shapes }, output, device }) =>
    device.indexed({
      kernel: forwards[coordinatesOf(references)],
      buffers: [references, offsets, shapes, output].map(({ buffer }) => buffer),
      sizes: sizesOf(offsets),
      items: offsets.size / (2 * offsets.shape[4]),
    }),
  save: ({ inputs: [references, offsets], options: { shapes } }) => ({ references, offsets, shapes }),
  gradient: ({ gradOutput, saved: { references, offsets, shapes }, needs, device }) => {
    const coordinates = coordinatesOf(references);
    const sizes = sizesOf(offsets);
    const gradReferences = needs[0] ? references.empty(references.shape) : undefined;
    if (gradReferences) {
      device.indexed({
        kernel: referenceGradients[coordinates],
        buffers: [gradOutput, offsets, gradReferences].map(({ buffer }) => buffer),
        sizes,
        items: 2 * references.size / coordinates,
      });
    }
    const gradOffsets = needs[1] ? offsets.empty(offsets.shape) : undefined;
    if (gradOffsets) {
      device.indexed({
        kernel: offsetGradients[coordinates],
        buffers: [references, gradOutput, shapes, gradOffsets].map(({ buffer }) => buffer),
        sizes,
        items: offsets.size / (2 * offsets.shape[4]),
      });
    }
    return [gradReferences, gradOffsets];
  },
});

/** referencePoints [N, Q, L, 2 or 4], offsets [N, Q, M, L, P, 2] as (x, y): locations like the offsets. */
export function samplingLocations(
  referencePoints: Tensor,
  offsets: Tensor,
  options: { readonly spatialShapes: SpatialShapes },
): Tensor {
  const sizes = options.spatialShapes.flatMap(([height, width]) => [width, height]);
  const shapes = offsets.empty([options.spatialShapes.length, 2]).assign(Float32Array.from(sizes));
  return locationsOp([referencePoints, offsets], { shapes });
}
