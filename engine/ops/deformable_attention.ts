/**
 * Multi-scale deformable attention (Zhu et al., "Deformable DETR", arXiv:2010.04159, equations 2 and 3): each query looks at
 * a few points per head and level, found by itself, instead of at every pixel. With the paper's names, for query q and
 * head m,
 *
 *     MSDeformAttn(z_q, p̂_q, {x^l}) = Σ_m W_m [ Σ_l Σ_k A_mlqk · W'_m x^l(φ_l(p̂_q) + Δp_mlqk) ]
 *
 * This op is the inner double sum. `value` is W'_m x; a location, φ_l(p̂_q) + Δp_mlqk divided by the level's size, comes from
 * `sampling_locations.ts`; `attentionWeights` is A, whose softmax runs over l and k together; the projection W_m follows
 * in `nn/deformable_attention.ts`. x^l(location) is bilinear sampling as `language/bilinear.ts` says:
 *
 *     output[n, q, m] = Σ_l Σ_k A[n, q, m, l, k] · Σ_c share_c(location) · value[n, pixel_c(location), m]
 *
 * where c runs over the four pixels around the location. Three kernels follow: this sum, its gradient for locations and
 * weights, and its gradient for the values.
 */

import { constantOf } from "../constants.ts";
import { ShapeError } from "../errors.ts";
import type { Device } from "../device/device.ts";
import type { Corner, Plane } from "../kernel/language/bilinear.ts";
import { joinIndex, splitIndex } from "../kernel/language/index_arithmetic.ts";
import type { BufferRef, Int } from "../kernel/language/value.ts";
import { defineKernel } from "../launch/kernel.ts";
import { memoize } from "../memoize.ts";
import { defineOp } from "../op.ts";
import { formatShape, sameShape } from "../shape.ts";
import { type Tensor, tensor } from "../tensor.ts";

/**
 * Height and width of each level's image.
 *
 * @category Attention
 */
export type SpatialShapes = readonly (readonly [height: number, width: number])[];

/** Channels are those of one head; chunks are the parts of them that items have; tokens are the pixels of all levels. */
const SIZES = ["heads", "channels", "chunks", "tokens", "queries", "levelCount", "points"] as const;

/** The image x^l of a level, whose first token has its place at `base` plus `levels`' third number times `stride`. */
function imageOf(
  level: Int,
  { levels, base, stride }: { readonly levels: BufferRef<"i32">; readonly base: Int; readonly stride: Int },
): Plane {
  const at = level.mul(3); // height, width and first token of each level
  const start = levels.load(at.add(2));
  return { height: levels.load(at), width: levels.load(at.add(1)), base: base.add(start.mul(stride)), stride };
}

/** The sum of the equation. An item is one query, head and chunk of `quads` vectors of channels. */
const forward = memoize((quads: number) =>
  defineKernel({
    name: `deformable_attention_x${quads}`,
    reads: { value: "f32", locations: "f32", weights: "f32", levels: "i32" },
    writes: { output: "f32" },
    sizes: SIZES,
    vectors: true,
    body: (m, { item, value, locations, weights, levels, output, ...sizes }) => {
      const { heads, channels, chunks, tokens, queries, levelCount, points } = sizes;
      const [batch, query, head, chunk] = splitIndex(item, [queries, heads, chunks]);
      const stride = heads.mul(channels);
      const channel = head.mul(channels).add(chunk.mul(m.lanes * quads));
      const base = batch.mul(tokens).mul(stride).add(channel);
      const firstPoint = joinIndex([batch, query, head], [queries, heads]).mul(levelCount).mul(points);
      const sums = Array.from({ length: quads }, () => m.variable(m.splat(0)));
      m.loop(levelCount, (l) => {
        const image = m.bilinear(imageOf(l, { levels, base, stride }));
        m.loop(points, (k) => {
          const point = firstPoint.add(joinIndex([l, k], [points]));
          const attention = weights.load(point);
          for (const pixel of image.at(locations, point.mul(2), attention).corners) {
            const share = pixel.share(); // attention included
            sums.forEach((sum, quad) => {
              const x = value.loadVec(pixel.offset.add(quad * m.lanes));
              sum.set(x.multiplyAdd(share, sum.get()));
            });
          }
        });
      });
      const target = joinIndex([batch, query], [queries]).mul(stride).add(channel);
      sums.forEach((sum, quad) => output.store(target.add(quad * m.lanes), sum.get()));
    },
  })
);

/**
 * Gradients of locations and weights; an item is one query and head. With g_c = ⟨dy, pixel_c⟩ for the corners 0 1 above
 * 2 3, and (f_x, f_y) how far the point is past the corner 0:
 *
 *     d A = Σ_c share_c g_c
 *     d x = A · width · ((g_1 − g_0)(1 − f_y) + (g_3 − g_2) f_y)
 *     d y = A · height · ((g_2 − g_0)(1 − f_x) + (g_3 − g_1) f_x)
 */
const pointGradient = memoize((quads: number) =>
  defineKernel({
    name: `deformable_attention_point_gradient_x${quads}`,
    reads: { value: "f32", locations: "f32", weights: "f32", levels: "i32", gradOutput: "f32" },
    writes: { gradLocations: "f32", gradWeights: "f32" },
    sizes: SIZES,
    vectors: true,
    body: (m, { item, value, locations, weights, levels, gradOutput, gradLocations, gradWeights, ...sizes }) => {
      const { heads, channels, chunks, tokens, queries, levelCount, points } = sizes;
      const [batch, query, head] = splitIndex(item, [queries, heads]);
      const stride = heads.mul(channels);
      const channel = head.mul(channels);
      const base = batch.mul(tokens).mul(stride).add(channel);
      const firstPoint = joinIndex([batch, query, head], [queries, heads]).mul(levelCount).mul(points);
      const gradient = joinIndex([batch, query], [queries]).mul(stride).add(channel);
      m.loop(levelCount, (l) => {
        const plane = imageOf(l, { levels, base, stride });
        const [width, height] = [plane.width.toFloat(), plane.height.toFloat()];
        const image = m.bilinear(plane);
        m.loop(points, (k) => {
          const point = firstPoint.add(joinIndex([l, k], [points]));
          const location = point.mul(2);
          const { corners, fractionX: fx, fractionY: fy } = image.at(locations, location);
          const dots = corners.map(() => m.variable(m.splat(0)));
          m.loop(chunks, (chunk) => {
            for (let quad = 0; quad < quads; quad++) {
              const offset = chunk.mul(quads * m.lanes).add(quad * m.lanes);
              const dy = gradOutput.loadVec(gradient.add(offset));
              corners.forEach((corner, c) => {
                const x = value.loadVec(corner.offset.add(offset));
                dots[c].set(x.multiplyAdd(dy, dots[c].get()));
              });
            }
          });
          const g = dots.map((dot, c) => corners[c].inside().select(dot.get().sumLanes(), 0));
          gradWeights.store(point, corners.map(({ weight }, c) => weight.mul(g[c])).reduce((a, b) => a.add(b)));
          const [restX, restY] = [m.float(1).sub(fx), m.float(1).sub(fy)];
          const alongX = g[1].sub(g[0]).mul(restY).add(g[3].sub(g[2]).mul(fy));
          const alongY = g[2].sub(g[0]).mul(restX).add(g[3].sub(g[1]).mul(fx));
          const attention = weights.load(point);
          gradLocations.store(location, alongX.mul(width).mul(attention));
          gradLocations.store(location.add(1), alongY.mul(height).mul(attention));
        });
      });
    },
  })
);

/**
 * The gradient of the values: d value[pixel_c] += A · share_c · dy, without atomics. An item owns a level (or, banded, some of
 * its rows), head and chunk of channels, goes through all queries' points in order and adds what falls to it. Bands trade
 * scanning for parallelism. The output starts as zeros.
 */
const valueGradient = memoize((quads: number, banded: boolean) =>
  defineKernel({
    name: `deformable_attention_value_gradient_x${quads}${banded ? "_banded" : ""}`,
    reads: { locations: "f32", weights: "f32", levels: "i32", gradOutput: "f32" },
    updates: { gradValue: "f32" },
    sizes: [...SIZES, "bands"],
    vectors: true,
    body: (m, { item, locations, weights, levels, gradOutput, gradValue, ...sizes }) => {
      const { heads, channels, chunks, tokens, queries, levelCount, points, bands } = sizes;
      const [batch, l, band, head, chunk] = splitIndex(item, [levelCount, bands, heads, chunks]);
      const stride = heads.mul(channels);
      const channel = head.mul(channels).add(chunk.mul(m.lanes * quads));
      const base = batch.mul(tokens).mul(stride).add(channel);
      const plane = imageOf(l, { levels, base, stride });
      const bandRows = plane.height.add(bands.sub(1)).div(bands);
      const firstRow = band.mul(bandRows);
      const endRow = firstRow.add(bandRows);
      const isMine = ({ inside, row }: Corner) => inside().and(row.ge(firstRow).and(row.lt(endRow)));
      const image = m.bilinear(plane);
      m.loop(queries, (query) => {
        const flatQuery = joinIndex([batch, query], [queries]);
        const firstPoint = joinIndex([flatQuery, head, l], [heads, levelCount]).mul(points);
        const gradient = flatQuery.mul(stride).add(channel);
        m.loop(points, (k) => {
          const point = firstPoint.add(k);
          const { corners } = image.at(locations, point.mul(2), weights.load(point));
          for (const corner of corners) {
            const add = () => {
              const share = corner.share(); // attention included
              for (let quad = 0; quad < quads; quad++) {
                const dy = gradOutput.loadVec(gradient.add(quad * m.lanes));
                const pixel = corner.offset.add(quad * m.lanes);
                gradValue.store(pixel, dy.multiplyAdd(share, gradValue.loadVec(pixel)));
              }
            };
            if (banded) m.when(isMine(corner), add);
            else add(); // outside the share is 0: adding it costs less than a branch that nobody can predict
          }
        });
      });
    },
  })
);

interface Layout {
  readonly lanes: 1 | 4;
  readonly quads: number;
  readonly chunks: number;
  readonly bands: number;
}

/** Vectors of channels per item: many on the CPU, where finding the corners is expensive; one on a GPU, which wants items. */
function layoutFor(device: Device, channels: number): Layout {
  const lanes = channels % 4 === 0 ? 4 : 1;
  const vectors = channels / lanes;
  const quads = device.kind === "webgpu" ? 1 : [8, 4, 2].find((count) => vectors % count === 0) ?? 1;
  return { lanes, quads, chunks: vectors / quads, bands: device.kind === "webgpu" ? 16 : 1 };
}

type Inputs = readonly [value: Tensor, locations: Tensor, weights: Tensor];

interface Options {
  readonly spatialShapes: SpatialShapes;
  /** [levels, 3] as integers: height, width, first token. */
  readonly levels: Tensor;
}

interface Saved extends Record<string, Tensor> {
  readonly value: Tensor;
  readonly locations: Tensor;
  readonly weights: Tensor;
  readonly levels: Tensor;
}

/** What all three kernels are launched with. */
function sizesOf([value, locations]: readonly [Tensor, Tensor], { lanes, chunks }: Layout) {
  const [, tokens, heads, channels] = value.shape;
  const [, queries, , levelCount, points] = locations.shape;
  return { heads, channels, chunks, tokens, queries, levelCount, points, lanes };
}

const deformableAttentionOp = defineOp<Inputs, Options, Saved>({
  name: "deformableAttention",
  output: ([value, locations, weights], { spatialShapes }) => {
    const [batch, tokens, heads, channels] = value.shape;
    const [, queries, , levels, points] = locations.shape;
    const total = spatialShapes.reduce((sum, [height, width]) => sum + height * width, 0);
    const fits = value.rank === 4 && locations.rank === 6 && tokens === total && levels === spatialShapes.length &&
      sameShape(locations.shape, [batch, queries, heads, levels, points, 2]) &&
      sameShape(weights.shape, [batch, queries, heads, levels, points]);
    if (!fits) {
      const found = [value, locations, weights].map(({ shape }) => formatShape(shape)).join(", ");
      throw new ShapeError(
        "deformableAttention: expected value [N, S, M, D], locations [N, Q, M, L, P, 2] and weights [N, Q, M, L, P] " +
          `with S = ${total} and L = ${spatialShapes.length} but found ${found}`,
      );
    }
    return { shape: [batch, queries, heads * channels] };
  },
  run: ({ inputs: [value, locations, weights], options: { levels }, output, device }) => {
    const layout = layoutFor(device, value.shape[3]);
    const sizes = sizesOf([value, locations], layout);
    const items = value.shape[0] * sizes.queries * sizes.heads * layout.chunks;
    forward(layout.quads).launch({ value, locations, weights, levels, output, ...sizes, items });
  },
  save: ({ inputs: [value, locations, weights], options: { levels } }) => ({ value, locations, weights, levels }),
  gradient: ({ gradOutput, saved: { value, locations, weights, levels }, needs, device }) => {
    const layout = layoutFor(device, value.shape[3]);
    const { quads, chunks, bands } = layout;
    const [batch] = value.shape;
    const sizes = sizesOf([value, locations], layout);
    const { heads, queries, levelCount } = sizes;
    const gradValue = needs[0] ? value.empty(value.shape).fill(0) : undefined;
    if (gradValue) {
      const items = batch * levelCount * bands * heads * chunks;
      const operands = { locations, weights, levels, gradOutput, gradValue };
      valueGradient(quads, bands > 1).launch({ ...operands, ...sizes, bands, items });
    }
    if (!needs[1] && !needs[2]) return [gradValue, undefined, undefined];
    const [gradLocations, gradWeights] = [locations.empty(locations.shape), weights.empty(weights.shape)];
    const operands = { value, locations, weights, levels, gradOutput, gradLocations, gradWeights };
    pointGradient(quads).launch({ ...operands, ...sizes, items: batch * queries * heads });
    return [gradValue, gradLocations, gradWeights];
  },
});

/**
 * value [N, S, M, D], with S the tokens of all levels one after the other; samplingLocations [N, Q, M, L, P, 2] as (x, y);
 * attentionWeights [N, Q, M, L, P]: [N, Q, M·D].
 *
 * @category Attention
 */
export function deformableAttention(
  value: Tensor,
  points: { readonly samplingLocations: Tensor; readonly attentionWeights: Tensor },
  options: { readonly spatialShapes: SpatialShapes },
): Tensor {
  const { spatialShapes } = options;
  let start = 0;
  const rows = spatialShapes.flatMap(([height, width]) => {
    const row = [height, width, start];
    start += height * width;
    return row;
  });
  const { device } = value;
  const levels = constantOf(
    device,
    `sizes and starts of levels ${rows}`,
    () => tensor(device, Int32Array.from(rows), [spatialShapes.length, 3]),
  );
  return deformableAttentionOp([value, points.samplingLocations, points.attentionWeights], { spatialShapes, levels });
}
