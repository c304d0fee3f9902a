/**
 * Made the fixtures of format version 1. Not part of the tests: fixtures are never made again, whatever the writer
 * becomes, since old bundles must be read for ever. Run with a new folder name when the format's version changes.
 */
import { type StateValue, writeBundle, writeSafetensors } from "../../../checkpoint/mod.ts";
import { awkwardTensors, smallState, weights } from "../../helpers/bundle_contents.ts";

const folder = Deno.args[0];
const tensors = awkwardTensors();
const state: StateValue = {
  ...(smallState() as { [key: string]: StateValue }),
  numbers: [0, -0, 1.5, -1, 2 ** 40, 5e-324, NaN, Infinity, 2n ** 60n, -(2n ** 100n)],
};
await writeBundle(`${folder}/bundle_v1_raw.dino`, { tensors, state }, { compress: false });
const planes = new Map(tensors);
planes.set("model/weights", weights([40, 50]));
planes.set("optimizer/exp_avg/weights", { dtype: "f32", shape: [40, 50], data: new Uint8Array(8000) });
await writeBundle(`${folder}/bundle_v1_planes.dino`, { tensors: planes, state });
await writeBundle(`${folder}/bundle_v1_empty.dino`, { tensors: new Map(), state: null });
await writeSafetensors(`${folder}/tensors.safetensors`, tensors, { metadata: new Map([["format", "pt"]]) });
