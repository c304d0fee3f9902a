/**
 * Finding what a run starts from. A bundle is verified as a whole before anything is computed; with `auto` the search
 * walks back over damaged ones and names them. The bundle's configuration wins over the one given now, except for what
 * `--override` names, and every difference is told.
 */

import { type BundleContent, newestSound, openBundle } from "../../checkpoint/mod.ts";
import { DinogradError } from "../../engine/errors.ts";
import {
  type ConfigObject,
  type ConfigValue,
  diffConfigs,
  type DinoConfig,
  resolveConfig,
  type RunUi,
} from "../config/mod.ts";
import { StateReader } from "./bundle_state.ts";

/** A bundle to go on from. */
export interface ResumePoint {
  readonly path: string;
  readonly content: BundleContent;
  /** The configuration to go on with. */
  readonly config: DinoConfig;
  readonly seed: number;
}

/** The path to resume from, or null to start afresh. Damaged bundles that `auto` passes over are named. */
export async function findResumePath(resume: string, folder: string, ui: RunUi): Promise<string | null> {
  if (resume !== "auto") return resume;
  const { newest, bad } = await newestSound(folder);
  for (const { path, reason } of bad) ui.warn(`passed over ${path}: ${reason}`);
  if (newest) return newest.path;
  ui.say(`no sound bundle in ${folder}: starting afresh`);
  return null;
}

/** Reads and verifies a bundle, and settles which configuration goes on. */
export async function readResumePoint(
  path: string,
  options: { readonly given: DinoConfig | null; readonly override: ConfigObject; readonly ui: RunUi },
): Promise<ResumePoint> {
  await using bundle = await openBundle(path);
  const { problems } = await bundle.verify();
  if (problems.length > 0) throw new DinogradError("checkpoint", `${path}: ${problems[0]}`);
  const state = new StateReader(bundle.state, path);
  if (state.get("kind").value !== "dinograd training state") {
    throw new DinogradError(
      "checkpoint",
      `${path}: expected a training state but found weights alone; start from them with --pretrain_model_path`,
    );
  }
  const before = configOf(state, path);
  const config = settleConfig(before, { ...options, path });
  const content: BundleContent = { tensors: await bundle.readAll(), state: bundle.state };
  return { path, content, config, seed: state.get("seed").number() };
}

/** The configuration that a bundle was made with. */
export function configOf(state: StateReader, path: string): DinoConfig {
  const decided = state.get("config").entries();
  const incidental = state.get("runtime").get("config").entries();
  const values = Object.fromEntries([...decided, ...incidental].map(([key, { value }]) => [key, value as ConfigValue])); // `capture` wrote config values there
  return resolveConfig(values, { source: `${path}, config` }).config;
}

/**
 * The bundle's configuration, with overrides on top and runtime settings from now.
 * @throws DinogradError of kind "config" where the given configuration is another model
 */
function settleConfig(
  before: DinoConfig,
  { given, override, ui, path }: {
    readonly given: DinoConfig | null;
    readonly override: ConfigObject;
    readonly ui: RunUi;
    readonly path: string;
  },
): DinoConfig {
  let config = before;
  if (given) {
    const differences = diffConfigs(before, given);
    const wanted = differences.model.filter(({ key }) => !Object.hasOwn(override, key));
    if (wanted.length > 0) {
      const list = wanted.map(({ key, before, after }) => `${key} ${show(before)} there, ${show(after)} here`).join(
        "; ",
      );
      throw new DinogradError("config", `${path}: expected the model of this configuration but found another: ${list}`);
    }
    for (const group of ["optimizer", "data"] as const) {
      for (const { key, before, after } of differences[group]) {
        if (Object.hasOwn(override, key)) continue;
        ui.warn(
          `${key}: the bundle's ${show(before)} wins over ${show(after)}; --override ${key}=${show(after)} changes it`,
        );
      }
    }
    const runtime = Object.fromEntries(differences.runtime.map(({ key, after }) => [key, after]));
    config = resolveConfig(runtime, { base: config }).config;
  }
  if (Object.keys(override).length === 0) return config;
  const changed = resolveConfig(override, { source: "--override", base: config }).config;
  for (const { key, before, after } of Object.values(diffConfigs(config, changed)).flat()) {
    ui.say(`override: ${key} ${show(before)} -> ${show(after)}`);
  }
  return changed;
}

const show = (value: ConfigValue) => JSON.stringify(value);
