/**
 * Multi-scale deformable attention (Zhu et al., "Deformable DETR", arXiv:2010.04159, equation 3): each query looks at a
 * few points per head and level, found by itself, instead of at every pixel.
 *
 *     output[n, q, m] = Σ_l Σ_p weight[n, q, m, l, p] · bilinear(value_l[n, m], location[n, q, m, l, p])
 *
 * Locations are (x, y) in 0..1 of each level's image. All three kernels sample as `language/bilinear.ts` says.
 */

import type { Device } from "../device/device.ts";
import type { Corner, Plane } from "../kernel/language/bilinear.ts";
import type { BufferRef, Machine, Value } from "../kernel/language/machine.ts";
import type { IndexedKernel, KernelBuffer } from "../kernel/language/recipes.ts";
import { splitIndex } from "../kernel/language/split_index.ts";
import { defineOp } from "../op.ts";
import { formatShape, sameShape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";

/** Height and width of each level's image. */
export type SpatialShapes = readonly (readonly [height: number, width: number])[];

/** Heads, channels per head in chunks, tokens, queries, levels, points, in the order in which kernels get them. */
const SIZES = ["heads", "channels", "chunks", "tokens", "queries", "levels", "points"];

const read = (name: string, dtype: "f32" | "i32" = "f32"): KernelBuffer => ({ name, dtype, access: "read" });
const written = (name: string): KernelBuffer => ({ name, dtype: "f32", access: "write" });

/** The image of a level as a plane of `value`; `base` is its first token's place for this batch, head and channel. */
function levelPlane(
  m: Machine,
  levels: BufferRef,
  { level, base, stride }: { readonly level: Value; readonly base: Value; readonly stride: Value },
): Plane {
  const at = m.mul(level, m.int(3));
  const start = m.load(levels, m.add(at, m.int(2)));
  return {
    height: m.load(levels, at),
    width: m.load(levels, m.add(at, m.int(1))),
    base: m.add(base, m.mul(start, stride)),
    stride,
  };
}

/** Kernels for one vector length and `quads` vectors of channels per item. A chunk is what an item has of a head's channels. */
interface DeformableKernels {
  readonly forward: IndexedKernel;
  readonly pointGradient: IndexedKernel;
  readonly valueGradient: IndexedKernel;
}

const variants = new Map<string, DeformableKernels>();

function kernelsFor({ lanes, quads, bands }: Layout): DeformableKernels {
  const banded = bands > 1;
  const key = `${lanes}x${quads} ${banded}`;
  let kernels = variants.get(key);
  if (!kernels) {
    kernels = {
      forward: forwardKernel(lanes, quads),
      pointGradient: pointGradientKernel(lanes, quads),
      valueGradient: valueGradientKernel(lanes, quads, banded),
    };
    variants.set(key, kernels);
  }
  return kernels;
}

/** An item is one query, head and chunk of channels. */
function forwardKernel(lanes: 1 | 4, quads: number): IndexedKernel {
  return {
    kind: "indexed",
    name: `deformable_attention_${lanes}x${quads}`,
    buffers: [read("value"), read("locations"), read("weights"), read("levels", "i32"), written("output")],
    sizes: SIZES,
    lanes,
    body: (m, item, { buffers: [value, locations, weights, levels, output], sizes }) => {
      const [heads, channels, chunks, tokens, queries, levelCount, points] = sizes;
      const [batch, query, head, chunk] = splitIndex(m, item, [queries, heads, chunks]);
      const stride = m.mul(heads, channels);
      const channel = m.add(m.mul(head, channels), m.mul(chunk, m.int(lanes * quads)));
      const base = m.add(m.mul(m.mul(batch, tokens), stride), channel);
      const flatQuery = m.add(m.mul(batch, queries), query);
      const firstPoint = m.mul(m.mul(m.add(m.mul(flatQuery, heads), head), levelCount), points);
      const totals = Array.from({ length: quads }, () => m.variable(m.splat(0)));
      m.loop(levelCount, (l) => {
        const sampler = m.bilinear(levelPlane(m, levels, { level: l, base, stride }));
        m.loop(points, (p) => {
          const at = m.add(firstPoint, m.add(m.mul(l, points), p));
          const { corners } = sampler.at(locations, m.mul(at, m.int(2)), m.load(weights, at));
          for (const corner of corners) {
            const share = corner.share();
            totals.forEach((total, quad) => {
              const pixel = m.loadVec(value, m.add(corner.offset, m.int(quad * lanes)));
              total.set(m.multiplyAdd(pixel, share, total.get()));
            });
          }
        });
      });
      const target = m.add(m.mul(flatQuery, stride), channel);
      totals.forEach((total, quad) => m.store(output, m.add(target, m.int(quad * lanes)), total.get()));
    },
  };
}

/**
 * Gradients of locations and weights; an item is one query and head. With g_c = ⟨dy, pixel_c⟩ per corner:
 * d weight = Σ_c w_c g_c, and d x = weight · width · ((g_1 − g_0)(1 − f_y) + (g_3 − g_2) f_y), likewise for y.
 */
function pointGradientKernel(lanes: 1 | 4, quads: number): IndexedKernel {
  return {
    kind: "indexed",
    name: `deformable_attention_point_gradient_${lanes}x${quads}`,
    buffers: [
      read("value"),
      read("locations"),
      read("weights"),
      read("levels", "i32"),
      read("gradOutput"),
      written("gradLocations"),
      written("gradWeights"),
    ],
    sizes: SIZES,
    lanes,
    body: (m, item, { buffers, sizes }) => {
      const [value, locations, weights, levels, gradOutput, gradLocations, gradWeights] = buffers;
      const [heads, channels, chunks, tokens, queries, levelCount, points] = sizes;
      const [batch, query, head] = splitIndex(m, item, [queries, heads]);
      const stride = m.mul(heads, channels);
      const channel = m.mul(head, channels);
      const base = m.add(m.mul(m.mul(batch, tokens), stride), channel);
      const flatQuery = m.add(m.mul(batch, queries), query);
      const firstPoint = m.mul(m.mul(m.add(m.mul(flatQuery, heads), head), levelCount), points);
      const gradient = m.add(m.mul(flatQuery, stride), channel);
      m.loop(levelCount, (l) => {
        const plane = levelPlane(m, levels, { level: l, base, stride });
        const [width, height] = [m.toFloat(plane.width), m.toFloat(plane.height)];
        const sampler = m.bilinear(plane);
        m.loop(points, (p) => {
          const at = m.add(firstPoint, m.add(m.mul(l, points), p));
          const where = m.mul(at, m.int(2));
          const point = sampler.at(locations, where);
          const dots = point.corners.map(() => m.variable(m.splat(0)));
          m.loop(chunks, (chunk) => {
            for (let quad = 0; quad < quads; quad++) {
              const offset = m.add(m.mul(chunk, m.int(quads * lanes)), m.int(quad * lanes));
              const dy = m.loadVec(gradOutput, m.add(gradient, offset));
              point.corners.forEach((corner, c) => {
                const pixel = m.loadVec(value, m.add(corner.offset, offset));
                dots[c].set(m.multiplyAdd(pixel, dy, dots[c].get()));
              });
            }
          });
          const g = dots.map((dot, c) =>
            m.select(point.corners[c].inside(), m.reduceLanes("sum", dot.get()), m.float(0))
          );
          const weightGradient = point.corners
            .map((corner, c) => m.mul(corner.weight, g[c]))
            .reduce((a, b) => m.add(a, b));
          m.store(gradWeights, at, weightGradient);
          const { fractionX: fx, fractionY: fy } = point;
          const [restX, restY] = [m.sub(m.float(1), fx), m.sub(m.float(1), fy)];
          const alongX = m.add(m.mul(m.sub(g[1], g[0]), restY), m.mul(m.sub(g[3], g[2]), fy));
          const alongY = m.add(m.mul(m.sub(g[2], g[0]), restX), m.mul(m.sub(g[3], g[1]), fx));
          const weight = m.load(weights, at);
          m.store(gradLocations, where, m.mul(m.mul(alongX, width), weight));
          m.store(gradLocations, m.add(where, m.int(1)), m.mul(m.mul(alongY, height), weight));
        });
      });
    },
  };
}

/**
 * The gradient of the values, without atomics: an item owns a level (or a band of its rows), head and chunk of channels,
 * goes through all queries' points in order and adds what falls to it. Bands trade scanning for parallelism. The output
 * starts as zeros.
 */
function valueGradientKernel(lanes: 1 | 4, quads: number, banded: boolean): IndexedKernel {
  return {
    kind: "indexed",
    name: `deformable_attention_value_gradient_${lanes}x${quads}${banded ? "_banded" : ""}`,
    buffers: [
      read("locations"),
      read("weights"),
      read("levels", "i32"),
      read("gradOutput"),
      { name: "gradValue", dtype: "f32", access: "read_write" },
    ],
    sizes: [...SIZES, "bands"],
    lanes,
    body: (m, item, { buffers: [locations, weights, levels, gradOutput, gradValue], sizes }) => {
      const [heads, channels, chunks, tokens, queries, levelCount, points, bands] = sizes;
      const [batch, l, band, head, chunk] = splitIndex(m, item, [levelCount, bands, heads, chunks]);
      const stride = m.mul(heads, channels);
      const channel = m.add(m.mul(head, channels), m.mul(chunk, m.int(lanes * quads)));
      const base = m.add(m.mul(m.mul(batch, tokens), stride), channel);
      const plane = levelPlane(m, levels, { level: l, base, stride });
      const bandRows = m.div(m.add(plane.height, m.sub(bands, m.int(1))), bands);
      const firstRow = m.mul(band, bandRows);
      const endRow = m.add(firstRow, bandRows);
      const isMine = ({ inside, row }: Corner) => m.both(inside(), m.both(m.le(firstRow, row), m.lt(row, endRow)));
      const sampler = m.bilinear(plane);
      m.loop(queries, (query) => {
        const flatQuery = m.add(m.mul(batch, queries), query);
        const firstPoint = m.mul(m.add(m.mul(m.add(m.mul(flatQuery, heads), head), levelCount), l), points);
        const gradient = m.add(m.mul(flatQuery, stride), channel);
        m.loop(points, (p) => {
          const at = m.add(firstPoint, p);
          const { corners } = sampler.at(locations, m.mul(at, m.int(2)), m.load(weights, at));
          for (const corner of corners) {
            const add = () => {
              const share = corner.share();
              for (let quad = 0; quad < quads; quad++) {
                const offset = m.int(quad * lanes);
                const dy = m.loadVec(gradOutput, m.add(gradient, offset));
                const target = m.add(corner.offset, offset);
                m.store(gradValue, target, m.multiplyAdd(dy, share, m.loadVec(gradValue, target)));
              }
            };
            if (banded) m.when(isMine(corner), add);
            else add(); // outside the share is 0: adding it costs less than a branch that nobody can predict
          }
        });
      });
    },
  };
}

interface Layout {
  readonly lanes: 1 | 4;
  readonly quads: number;
  readonly chunks: number;
  readonly bands: number;
}

/** Vectors of channels per item: many on the CPU, where finding the corners is dear; one on a GPU, which wants items. */
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

function sizesOf([value, locations]: readonly [Tensor, Tensor], chunks: number) {
  const [batch, tokens, heads, channels] = value.shape;
  const [, queries, , levels, points] = locations.shape;
  return { batch, queries, heads, levels, sizes: [heads, channels, chunks, tokens, queries, levels, points] };
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
      throw new RangeError(
        "deformableAttention: expected value [N, S, M, D], locations [N, Q, M, L, P, 2] and weights [N, Q, M, L, P] " +
          `with S = ${total} and L = ${spatialShapes.length} but found ${found}`,
      );
    }
    return { shape: [batch, queries, heads * channels] };
  },
  run: ({ inputs: [value, locations, weights], options: { levels }, output, device }) => {
    const layout = layoutFor(device, value.shape[3]);
    const { batch, queries, heads, sizes } = sizesOf([value, locations], layout.chunks);
    device.indexed({
      kernel: kernelsFor(layout).forward,
      buffers: [value, locations, weights, levels, output].map(({ buffer }) => buffer),
      sizes,
      items: batch * queries * heads * layout.chunks,
    });
  },
  save: ({ inputs: [value, locations, weights], options: { levels } }) => ({ value, locations, weights, levels }),
  gradient: ({ gradOutput, saved: { value, locations, weights, levels }, needs, device }) => {
    const layout = layoutFor(device, value.shape[3]);
    const { chunks, bands } = layout;
    const { batch, queries, heads, levels: levelCount, sizes } = sizesOf([value, locations], chunks);
    const kernels = kernelsFor(layout);
    const result: [Tensor | undefined, Tensor | undefined, Tensor | undefined] = [undefined, undefined, undefined];
    if (needs[0]) {
      result[0] = value.empty(value.shape).fill(0);
      device.indexed({
        kernel: kernels.valueGradient,
        buffers: [locations, weights, levels, gradOutput, result[0]].map(({ buffer }) => buffer),
        sizes: [...sizes, bands],
        items: batch * levelCount * bands * heads * chunks,
      });
    }
    if (needs[1] || needs[2]) {
      result[1] = locations.empty(locations.shape);
      result[2] = weights.empty(weights.shape);
      device.indexed({
        kernel: kernels.pointGradient,
        buffers: [value, locations, weights, levels, gradOutput, result[1], result[2]].map(({ buffer }) => buffer),
        sizes,
        items: batch * queries * heads,
      });
    }
    return result;
  },
});

/**
 * value [N, S, M, D], with S the tokens of all levels one after the other; samplingLocations [N, Q, M, L, P, 2] as (x, y);
 * attentionWeights [N, Q, M, L, P]: [N, Q, M·D].
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
  const levels = value.empty([spatialShapes.length, 3], "i32").assign(Int32Array.from(rows));
  return deformableAttentionOp([value, points.samplingLocations, points.attentionWeights], { spatialShapes, levels });
}
