/** What a model computes on its way to the detections of one image, on the host: the source of every picture of `--show`. */
import { withoutGradient } from "../../../engine/autograd.ts";
import { scoped } from "../../../engine/scope.ts";
import { tensor } from "../../../engine/tensor.ts";
import type { DinoConfig } from "../../config/mod.ts";
import { transformsOf } from "../../data/configured_transforms.ts";
import { type Image, prepareForInference, type TransformSpec } from "../../data/mod.ts";
import type { Dino } from "../../model/mod.ts";
import type { TraceName } from "../../model/trace.ts";

/**
 * The inside of a forward pass. Coordinates are shares of the image, boxes centre x, centre y, width, height.
 *
 * @category Looking inside
 */
export interface Inside {
  /** Queries of the decoder. */
  readonly queries: number;
  /** `[queries]`: the class that each query finds likeliest, and its score in 0..1. */
  readonly labels: Int32Array;
  /** `[queries]` */
  readonly scores: Float64Array;
  /** Boxes before each decoder layer, and after the last: `[queries, 4]` each, one more than there are layers. */
  readonly references: readonly Float64Array[];
  /** Per decoder layer: where each query looks, `[queries, heads, levels, points, 2]`, and how much each place counts. */
  readonly sampling: readonly { readonly locations: Float64Array; readonly weights: Float64Array }[];
  /** Per decoder layer: how much each query takes of each other, `[heads, queries, queries]`. */
  readonly attention: readonly Float64Array[];
  /** Attention heads of the decoder. */
  readonly heads: number;
  /** Points per head and level of the decoder's deformable attention. */
  readonly points: number;
  /** Heights and widths of the levels, the finest first. */
  readonly shapes: readonly (readonly [height: number, width: number])[];
  /** `[queries]`: the tokens that became the first anchors, the best first; tokens count through all levels. */
  readonly selected: Int32Array;
  /** `[tokens]`: the best class logit of each token. */
  readonly tokenScores: Float64Array;
}

const WANTED: ReadonlySet<TraceName> = new Set<TraceName>([
  ...["shapes", "tokenScores", "selected", "reference"] as const,
  ...["selfAttention", "samplingLocations", "samplingWeights"] as const,
]);

/**
 * Runs the model on an image and keeps what it computes. The model is in evaluation mode.
 *
 * @category Looking inside
 */
export async function lookInside(
  model: Dino,
  image: Image,
  { config, transforms = transformsOf(config, false) }: {
    readonly config: DinoConfig;
    readonly transforms?: TransformSpec;
  },
): Promise<Inside> {
  return await scoped(async () => {
    const { pixels, shape: [channels, height, width] } = prepareForInference(image, transforms);
    const images = tensor(model.device, pixels, [1, channels, height, width]);
    const seen = new Map<TraceName, Promise<ArrayLike<number>>[]>();
    const { predLogits, predBoxes } = withoutGradient(() =>
      model.forward({
        images,
        mask: new Uint8Array(height * width),
        auxiliary: false,
        trace: (name, each) => {
          if (WANTED.has(name)) seen.set(name, [...seen.get(name) ?? [], each.data()]);
        },
      })
    );
    const all = async (name: TraceName) =>
      (await Promise.all(seen.get(name) ?? [])).map((data) => Float64Array.from(data));
    const [logits, boxes] = await Promise.all([predLogits.data(), predBoxes.data()]);
    const references = await all("reference");
    const [locations, weights] = [await all("samplingLocations"), await all("samplingWeights")];
    const [[shapes], [selected], [tokenScores]] = [
      await all("shapes"),
      await all("selected"),
      await all("tokenScores"),
    ];
    const queries = predBoxes.shape[1];
    const { heads, decoderPoints } = model.options;
    return {
      queries,
      ...bestOf(logits, queries),
      references: [...references.slice(0, -1), Float64Array.from(boxes)],
      sampling: locations.map((each, layer) => ({ locations: each, weights: weights[layer] })),
      attention: await all("selfAttention"),
      heads,
      points: decoderPoints,
      shapes: Array.from(
        { length: shapes.length / 2 },
        (_, level) => [shapes[2 * level], shapes[2 * level + 1]] as const,
      ),
      selected: Int32Array.from(selected),
      tokenScores,
    };
  });
}

/** The likeliest class of each query. */
function bestOf(logits: ArrayLike<number>, queries: number): Pick<Inside, "labels" | "scores"> {
  const classes = logits.length / queries;
  const labels = new Int32Array(queries);
  const scores = new Float64Array(queries);
  for (let query = 0; query < queries; query++) {
    let best = 0;
    for (let c = 1; c < classes; c++) if (logits[query * classes + c] > logits[query * classes + best]) best = c;
    labels[query] = best;
    scores[query] = 1 / (1 + Math.exp(-logits[query * classes + best]));
  }
  return { labels, scores };
}

/** Level, row and column of a token. */
export function placeOf(token: number, shapes: Inside["shapes"]): { level: number; x: number; y: number } {
  let rest = token;
  for (const [level, [height, width]] of shapes.entries()) {
    if (rest < height * width) {
      return { level, x: (rest % width + 0.5) / width, y: (Math.floor(rest / width) + 0.5) / height };
    }
    rest -= height * width;
  }
  throw new RangeError(`expected a token of the image's levels but found ${token}`);
}
