/**
 * A model's fingerprint by behaviour: the SHA-256 of its outputs on one fixed synthetic image. Two runs that agree on it
 * have the same weights and compute with them in the same way, whatever their files say.
 *
 * The image is as small as the number of queries allows: 256 pixels for the official model, whose probe takes about a
 * fiftieth of the arithmetic of one of its training steps.
 */

import { Sha256 } from "../../../checkpoint/mod.ts";
import { withoutGradient } from "../../../engine/autograd.ts";
import { RandomStream } from "../../../engine/random.ts";
import { scoped } from "../../../engine/scope.ts";
import { tensor } from "../../../engine/tensor.ts";
import type { DinoConfig } from "../../config/mod.ts";
import type { Dino } from "../../model/dino.ts";

/** The digest of the model's logits and boxes on the probe image, as 64 hexadecimal digits. */
export async function probeDigest(model: Dino, config: DinoConfig): Promise<string> {
  const side = probeSide(config);
  const random = RandomStream.named(0, "probe");
  const pixels = Float32Array.from({ length: 3 * side * side }, () => 2 * random.uniform() - 1);
  const training = model.training;
  model.evaluate();
  try {
    return await scoped(async () => {
      const images = tensor(model.device, pixels, [1, 3, side, side]);
      const { predLogits, predBoxes } = withoutGradient(() =>
        model.forward({ images, mask: new Uint8Array(side * side), auxiliary: false })
      );
      const hash = new Sha256();
      for (const part of [await predLogits.data(), await predBoxes.data()]) {
        hash.update(new Uint8Array(part.buffer, part.byteOffset, part.byteLength));
      }
      return hash.hex();
    });
  } finally {
    model.train(training);
  }
}

/** The smallest multiple of 64 pixels at which the levels have enough tokens to select the queries from. */
function probeSide(config: DinoConfig): number {
  const strides = Array.from(
    { length: config.num_feature_levels },
    (_, level) => 4 * 2 ** (config.return_interm_indices[0] + level),
  );
  for (let side = 64;; side += 64) {
    const tokens = strides.reduce((sum, stride) => sum + Math.ceil(side / stride) ** 2, 0);
    if (tokens >= config.num_queries) return side;
  }
}
