/** Goldens of other programs' detectors: `layouts.json`, of the project's own making. */
import type { NamedWeight } from "../../detector/weights/mod.ts";
import type { BackboneName, SwinArchitecture } from "../../detector/config/mod.ts";
import type { Expected } from "./compare.ts";
import type { ForeignProgram } from "./foreign_files.ts";
import { type ParamRow, paramValues, type Spec } from "./formula.ts";

/** A whole detector, whose weights have its program's own names. */
export interface DetectorCase {
  readonly id: string;
  readonly program: ForeignProgram;
  readonly backbone: BackboneName;
  readonly levels: number;
  readonly outputs: readonly number[];
  /** Temperature and offset of the positions. */
  readonly positions: readonly [number, number];
  readonly params: readonly ParamRow[];
  /** Names and shapes of what counts. */
  readonly integers: readonly (readonly [string, readonly number[]])[];
  readonly inputs: { readonly image: Spec };
  readonly expected: { readonly logits: Expected; readonly boxes: Expected };
}

/** MMDetection's Swin transformer. */
interface SwinCase {
  readonly architecture: Omit<SwinArchitecture, "kind">;
  readonly params: readonly ParamRow[];
  readonly integers: readonly (readonly [string, readonly number[]])[];
  readonly inputs: { readonly image: Spec };
  readonly expected: Readonly<Record<string, Expected>>;
}

/** Reads them. */
export async function layoutGoldens(): Promise<{ detectors: readonly DetectorCase[]; swin: SwinCase }> {
  return JSON.parse(await Deno.readTextFile(new URL("../goldens/layouts.json", import.meta.url)));
}

/** The weights of a case by its program's names; a tensor with several names is one. */
export function foreignWeights({ params }: Pick<DetectorCase, "params">): Map<string, NamedWeight> {
  const known = new Map<string, NamedWeight>();
  const values = paramValues(params);
  return new Map(params.map(([key, name]) => {
    const { shape, data = new Float32Array() } = values.get(key) ?? { shape: [] };
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    const weight = known.get(name) ??
      { dtype: "f32" as const, shape, read: () => Promise.resolve({ dtype: "f32" as const, shape, data: bytes }) };
    known.set(name, weight);
    return [key, weight];
  }));
}
