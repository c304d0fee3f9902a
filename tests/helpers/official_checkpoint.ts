/** Checkpoints that the official code made of a small model (see `tests/detector/train/make_official_checkpoints.py`). */
import { type DinoConfig, resolveConfig } from "../../detector/config/mod.ts";
import type { Parameter } from "../../engine/parameter.ts";
import { tensor } from "../../engine/tensor.ts";

const FIXTURES = new URL("../detector/train/fixtures/", import.meta.url);

export const OFFICIAL_CASES = ["official_step", "official_multi_step", "official_one_cycle"] as const;
export type OfficialCase = (typeof OFFICIAL_CASES)[number];

/** What PyTorch did next. */
export interface OfficialExpectation {
  readonly epoch: number;
  readonly step: number;
  readonly steps_per_epoch: number;
  /** Learning rates of the groups and beta1, by step with one cycle, else by epoch. */
  readonly rates: readonly (readonly number[])[];
  readonly groups: readonly number[];
  /** First element, last element and sum, after one more step. */
  readonly parameters: Readonly<Record<string, readonly [number, number, number]>>;
}

/** Writes the checkpoint's file into a folder; returns its path. */
export async function writeOfficialCheckpoint(folder: string, name: OfficialCase = "official_step"): Promise<string> {
  const path = `${folder}/${name}.pth`;
  const packed = await Deno.open(new URL(`${name}.pth.gz`, FIXTURES));
  const file = await Deno.open(path, { create: true, write: true, truncate: true });
  await packed.readable.pipeThrough(new DecompressionStream("gzip")).pipeTo(file.writable);
  return path;
}

export async function officialExpectation(name: OfficialCase): Promise<OfficialExpectation> {
  return JSON.parse(await Deno.readTextFile(new URL("official_expected.json", FIXTURES)))[name];
}

/** The configuration of the checkpoints, but for what a case changes. */
export async function officialConfig(changes: Partial<DinoConfig> = {}): Promise<DinoConfig> {
  const given = JSON.parse(await Deno.readTextFile(new URL("official_config.json", FIXTURES)));
  return resolveConfig({ ...given, ...changes }).config;
}

/** The gradient that the maker gave a parameter at a step: constant along a row, exact in float32. */
export function setOfficialGradient(name: string, parameter: Parameter, step: number): void {
  const seed = [...name].reduce((sum, character) => sum + character.charCodeAt(0), 0) + 3 * step;
  const rows = parameter.shape[0];
  const width = parameter.size / rows;
  const values = Float32Array.from({ length: parameter.size }, (_, i) => {
    const row = Math.floor(i / width);
    return ((seed + 7 * row) % 17 - 8) / 64;
  });
  parameter.grad = tensor(parameter.device, values, parameter.shape).detached();
}
