/** What a translation is given: an operation of the engine, whose inputs are values of the graph. */

import { DinogradError } from "../../../engine/errors.ts";
import type { Tensor } from "../../../engine/tensor.ts";
import type { GraphBuilder } from "../builder.ts";
import type { Value } from "../graph.ts";
import type { Sampling } from "../options.ts";

/** A call of an operation, under translation. */
export interface Call {
  readonly name: string;
  readonly options: unknown;
  readonly graph: GraphBuilder;
  readonly sampling: Sampling;
  /** The shapes of the results. */
  readonly shapes: readonly (readonly number[])[];
  /** How many inputs there are, absent ones included. */
  readonly count: number;
  /** An input. Throws where it is absent. */
  value(at: number): Value;
  /** Whether an input is there. */
  has(at: number): boolean;
  /**
   * What is computed from constants alone (inputs by number, or tensors of the options): now, and once for all calls with the
   * same ones. `as` names the computation.
   */
  fold(as: string, from: readonly (number | Tensor)[], compute: (...constants: Tensor[]) => Tensor): Value;
}

/** Adds the nodes of an operation, and returns its results in order. */
export type Translation = (call: Call) => Value | readonly Value[];

/** A translation that knows what the operation's options are: their type follows from its name. */
export const translation =
  <Options>(translate: (call: Call, options: Options) => Value | readonly Value[]) =>
  (call: Call): Value | readonly Value[] => translate(call, call.options as Options);

/** @throws {DinogradError} of kind "config" that names the operation and what about it has no translation */
export function untranslatable({ name }: Pick<Call, "name">, what: string): never {
  throw new DinogradError("config", `export: expected operations that ONNX has but found ${name} with ${what}`);
}
