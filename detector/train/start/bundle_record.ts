/** A bundle as a training record: everything is there by name already. */

import { nonfiniteFile } from "../../../checkpoint/mod.ts";
import { DinogradError } from "../../../engine/errors.ts";
import { type ConfigObject, type DinoConfig, resolveConfig } from "../../config/mod.ts";
import type { Weights, WeightsFile } from "../../weights/mod.ts";
import { StateReader } from "../records/bundle_state.ts";
import { type TrainingRecord, weightsAlone } from "./training_record.ts";

/**
 * Reads a bundle's state and verifies every checksum; the record closes the file.
 * @throws DinogradError of kind "checkpoint" where it is damaged or holds weights alone, "nonfinite" where weights, moments
 * or average hold NaN or infinities
 */
export async function openBundleRecord(
  file: WeightsFile,
  bundle: NonNullable<WeightsFile["bundle"]>,
): Promise<TrainingRecord> {
  const { path } = file;
  const { problems, nonfinite } = await bundle.verify();
  if (problems.length > 0) throw new DinogradError("checkpoint", problems[0]); // begins with the path
  if (nonfinite.length > 0) {
    throw new DinogradError(
      "nonfinite",
      `${nonfiniteFile(path, nonfinite).reason}; --resume auto goes back to the newest bundle that is finite`,
    );
  }
  const state = new StateReader(bundle.state, path);
  if (state.get("kind").value !== "dinograd training state") throw weightsAlone(path);
  const epoch = state.get("epoch").count();
  const moments: Weights = new Map(
    [...bundle.tensors].filter(([name]) => name.startsWith("optimizer/")).map(([name, { dtype, shape }]) => [
      name.slice("optimizer/".length),
      { dtype, shape, read: () => bundle.read(name) },
    ]),
  );
  const steps = new Map(state.get("optimizer").get("steps").entries().map(([key, value]) => [key, value.count()]));
  return {
    path,
    kind: "bundle",
    config: configOf(state, path),
    whyNoConfig: null,
    rates: {},
    classes: file.classes,
    weights: file.tensors,
    ema: file.ema,
    nextEpoch: state.get("phase").text() === "evaluate" ? epoch + 1 : epoch,
    seed: state.get("seed").number(),
    freeze: state.get("freeze").optional((list) => list.list().map((keyword) => keyword.text())) ?? [],
    state: Object.fromEntries(state.entries().map(([key, { value }]) => [key, value])),
    optimizer: () => Promise.resolve({ moments, steps }),
    differences: () => [],
    [Symbol.asyncDispose]: () => file[Symbol.asyncDispose](),
  };
}

/** The configuration that a bundle was made with. */
export function configOf(state: StateReader, path: string): DinoConfig {
  const decided = state.get("config").entries();
  const incidental = state.get("runtime").get("config").entries();
  // `capture` wrote config values there; what is none does not pass the keys' own checks.
  const values = Object.fromEntries(
    [...decided, ...incidental].map(([key, { value }]) => [key, value]),
  ) as ConfigObject;
  return resolveConfig(values, { source: `${path}, config` }).config;
}
