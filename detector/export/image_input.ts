/** What comes before the model: bytes of a picture become the normalised image that `normalizeImage` makes of them. */

import type { DinoConfig } from "../config/mod.ts";
import type { GraphBuilder } from "./builder.ts";
import type { Value } from "./graph.ts";

/** Adds the input `image` (uint8 [height, width, 3], RGB) and gives the normalised one, [1, 3, height, width]. */
export function addImageInput(
  graph: GraphBuilder,
  { config, size: [height, width] }: {
    readonly config: DinoConfig;
    readonly size: readonly [height: number, width: number];
  },
): Value {
  graph.module = "image";
  const pixels = graph.cast(graph.input("image", { shape: [height, width, 3], type: "uint8" }), "float");
  const planes = graph.transpose(pixels, [2, 0, 1]);
  const { image_channels: order, image_mean: mean, image_std: std } = config;
  const ordered = order === "bgr" ? graph.gather(planes, graph.integers([2, 1, 0]), { axis: 0 }) : planes;
  const perChannel = (values: readonly number[]) => graph.floats(values, [3, 1, 1]);
  const bright = graph.binary("Div", [ordered, 255]);
  const normal = graph.binary("Div", [graph.binary("Sub", [bright, perChannel(mean)]), perChannel(std)]);
  graph.module = "";
  return graph.reshape(normal, [1, 3, height, width]);
}
