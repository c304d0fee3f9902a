/**
 * Where deformable attention looks (Zhu et al., arXiv:2010.04159): offsets around reference points, in pixels of each
 * level, or relative to a reference box. A kernel of its own, because broadcasting over an innermost axis of two would
 * spend its time on indices.
 *
 *     point:  location = reference.xy + offset / (width, height)
 *     box:    location = reference.xy + offset / points · reference.wh · ½
 */

import { constantOf } from "../constants.ts";
import { ShapeError } from "../errors.ts";
import { joinIndex, splitIndex } from "../kernel/language/index_arithmetic.ts";
import { defineKernel } from "../launch/kernel.ts";
import { memoize } from "../memoize.ts";
import { defineOp } from "../op.ts";
import { formatShape, sameShape } from "../shape.ts";
import { type Tensor, tensor } from "../tensor.ts";
import type { SpatialShapes } from "./deformable_attention.ts";

const SIZES = ["heads", "levels", "points"] as const;

/**
 * An item is a query, head and level. `forward` writes locations; the offsets' gradient is the locations' one times the
 * same factor. References have two coordinates (points) or four (boxes).
 */
const locationKernel = memoize((coordinates: 2 | 4, what: "forward" | "offset_gradient") =>
  defineKernel({
    name: `sampling_locations_${coordinates}_${what}`,
    reads: { references: "f32", offsets: "f32", shapes: "f32" },
    writes: { locations: "f32" },
    sizes: SIZES,
    body: (m, { item, references, offsets, shapes, locations, heads, levels, points }) => {
      const [query, , level] = splitIndex(item, [heads, levels]);
      const reference = joinIndex([query, level], [levels]).mul(coordinates);
      const first = item.mul(points).mul(2);
      for (const axis of [0, 1]) {
        const factor = coordinates === 2
          ? m.float(1).div(shapes.load(level.mul(2).add(axis)))
          : references.load(reference.add(2 + axis)).mul(0.5).div(points.toFloat());
        const centre = what === "forward" ? references.load(reference.add(axis)) : undefined;
        m.loop(points, (point) => {
          const at = first.add(point.mul(2)).add(axis);
          const moved = offsets.load(at).mul(factor);
          locations.store(at, centre ? centre.add(moved) : moved);
        });
      }
    },
  })
);

/** An item is a query, level and axis: it adds up over heads and points. Boxes also get the gradient of their size. */
const referenceKernel = memoize((coordinates: 2 | 4) =>
  defineKernel({
    name: `sampling_locations_${coordinates}_reference_gradient`,
    reads: { gradLocations: "f32", offsets: "f32" },
    writes: { gradReferences: "f32" },
    sizes: SIZES,
    body: (m, { item, gradLocations, offsets, gradReferences, heads, levels, points }) => {
      const [query, level, axis] = splitIndex(item, [levels, 2]);
      const centre = m.variable(m.float(0));
      const size = m.variable(m.float(0));
      m.loop(heads, (head) => {
        const first = joinIndex([query, head, level], [heads, levels]).mul(points);
        m.loop(points, (point) => {
          const at = joinIndex([first.add(point), axis], [2]);
          const gradient = gradLocations.load(at);
          centre.add(gradient);
          if (coordinates === 4) size.add(gradient.mul(offsets.load(at)));
        });
      });
      const target = joinIndex([query, level, axis], [levels, coordinates]);
      gradReferences.store(target, centre.get());
      if (coordinates === 4) gradReferences.store(target.add(2), size.get().mul(0.5).div(points.toFloat()));
    },
  })
);

interface Saved extends Record<string, Tensor> {
  readonly references: Tensor;
  readonly offsets: Tensor;
  readonly shapes: Tensor;
}

/** 2 for points, 4 for boxes. */
const coordinatesOf = (references: Tensor): 2 | 4 => references.shape[3] === 2 ? 2 : 4;

const sizesOf = ({ shape: [, , heads, levels, points] }: Tensor) => ({ heads, levels, points });

const locationsOp = defineOp<readonly [Tensor, Tensor], { readonly shapes: Tensor }, Saved>({
  name: "samplingLocations",
  output: ([references, offsets], { shapes }) => {
    const [batch, queries, , levels] = offsets.shape;
    const fits = offsets.rank === 6 && references.rank === 4 && [2, 4].includes(references.shape[3]) &&
      sameShape(references.shape.slice(0, 3), [batch, queries, levels]) && levels === shapes.shape[0];
    if (!fits) {
      const found = [references, offsets].map(({ shape }) => formatShape(shape)).join(" and ");
      throw new ShapeError(
        `samplingLocations: expected references [N, Q, L, 2 or 4] and offsets [N, Q, M, L, P, 2] but found ${found}`,
      );
    }
    return { shape: offsets.shape };
  },
  run: ({ inputs: [references, offsets], options: { shapes }, output }) =>
    locationKernel(coordinatesOf(references), "forward").launch({
      ...{ references, offsets, shapes, locations: output },
      ...sizesOf(offsets),
      items: offsets.size / (2 * offsets.shape[4]),
    }),
  save: ({ inputs: [references, offsets], options: { shapes } }) => ({ references, offsets, shapes }),
  gradient: ({ gradOutput, saved: { references, offsets, shapes }, needs }) => {
    const coordinates = coordinatesOf(references);
    const sizes = sizesOf(offsets);
    const gradReferences = needs[0] ? references.empty(references.shape) : undefined;
    if (gradReferences) {
      referenceKernel(coordinates).launch({
        ...{ gradLocations: gradOutput, offsets, gradReferences },
        ...sizes,
        items: 2 * references.size / coordinates,
      });
    }
    const gradOffsets = needs[1] ? offsets.empty(offsets.shape) : undefined;
    if (gradOffsets) {
      locationKernel(coordinates, "offset_gradient").launch({
        ...{ references, offsets: gradOutput, shapes, locations: gradOffsets },
        ...sizes,
        items: offsets.size / (2 * offsets.shape[4]),
      });
    }
    return [gradReferences, gradOffsets];
  },
});

/**
 * referencePoints [N, Q, L, 2 or 4], offsets [N, Q, M, L, P, 2] as (x, y): locations like the offsets.
 *
 * @category Attention
 */
export function samplingLocations(
  referencePoints: Tensor,
  offsets: Tensor,
  options: { readonly spatialShapes: SpatialShapes },
): Tensor {
  const sizes = options.spatialShapes.flatMap(([height, width]) => [width, height]);
  const { device } = offsets;
  const shapes = constantOf(
    device,
    `sizes of levels ${sizes}`,
    () => tensor(device, Float32Array.from(sizes), [options.spatialShapes.length, 2]),
  );
  return locationsOp([referencePoints, offsets], { shapes });
}
