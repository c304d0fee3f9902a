/**
 * An op is one object: its name, its shape rule, how it runs, what the tape saves, and its gradient. `defineOp` turns
 * the object into a function on tensors that checks, allocates, runs and records.
 */

import { type GradientRule, isRecording, type Saved, sourceOf, TapeNode } from "./autograd.ts";
import { captured } from "./capture.ts";
import { inOp } from "./context.ts";
import type { Device } from "./device/device.ts";
import type { DType } from "./dtype.ts";
import { DTypeError, OperandError } from "./errors.ts";
import type { Expr } from "./kernel/language/expr.ts";
import { requireTensors } from "./operands.ts";
import { checkShape, type Shape } from "./shape.ts";
import type { Tensor } from "./tensor.ts";

/**
 * What the rule of an op is given when the op is called.
 *
 * @category Own operations
 */
export interface OpCall<Inputs, Options> {
  /** The tensors that the op was called with. */
  readonly inputs: Inputs;
  /** Its options, as they were given. */
  readonly options: Options;
  /** Allocated by the shape rule; `run` fills it. */
  readonly output: Tensor;
  /** Where all of it is. */
  readonly device: Device;
}

/**
 * What an op says of the element type of an input.
 *
 * @category Own operations
 */
export type Takes = DType | "any" | "same";

/**
 * Everything about an op.
 *
 * @category Own operations
 */
export interface OpDefinition<Inputs extends readonly (Tensor | undefined)[], Options, S extends Saved> {
  /** Names the op in messages, and its kernels. */
  readonly name: string;
  /**
   * Which element types the inputs may have: one for all, or one for each. Default: all are f32. "any" also lets integers
   * through; "same" lets them through where all inputs have one type.
   */
  readonly takes?: Takes | readonly Takes[];
  /** The shape rule: checks shapes and options (throwing `name: expected … but found …`) and says what comes out. */
  readonly output: (inputs: Inputs, options: Options) => { readonly shape: Shape; readonly dtype?: DType };
  /** What each element of `output` is, where it follows from the inputs' elements at its place: for captures. */
  readonly expression?: Expr;
  /** Fills `output`. May return further tensors that only `save` needs. */
  readonly run: (call: OpCall<Inputs, Options>) => void | Readonly<Record<string, Tensor>>;
  /** What the gradient needs. Only called when there will be one. `needs` says for which inputs. */
  readonly save?: (
    call: OpCall<Inputs, Options> & {
      readonly needs: readonly boolean[];
      readonly extra: Readonly<Record<string, Tensor>>;
    },
  ) => S;
  /** One gradient per input (undefined where `needs` is false or nothing flows). Absent: the op has no gradient. */
  readonly gradient?: (
    call: {
      readonly gradOutput: Tensor;
      readonly saved: S;
      readonly options: Options;
      readonly needs: readonly boolean[];
      /** The inputs' shapes. */
      readonly shapes: readonly Shape[];
      readonly device: Device;
    },
  ) => readonly (Tensor | undefined)[];
}

/**
 * Makes the function of an op.
 * @throws {OperandError} when it is called with something that is no tensor
 * @throws {DeviceMismatchError} when it is called with tensors of two devices
 * @throws {DTypeError} when it is called with another element type than it takes
 * @category Own operations
 */
export function defineOp<
  Inputs extends readonly (Tensor | undefined)[],
  Options = void,
  S extends Saved = Record<never, never>,
>(definition: OpDefinition<Inputs, Options, S>): (inputs: Inputs, options: Options) => Tensor {
  const op = (inputs: Inputs, options: Options): Tensor => {
    const first = inputs.find((input) => input !== undefined);
    if (!first) throw new OperandError(`${definition.name}: expected at least one tensor but found none`);
    requireTensors(definition.name, inputs);
    const { device } = first;
    checkTypes(definition, inputs);
    const { shape, dtype } = definition.output(inputs, options);
    checkShape(definition.name, shape);
    const output = first.empty(shape, dtype ?? "f32");
    const { name, expression } = definition;
    // Who calls it again does so with tensors in the same places.
    const again = (others: readonly (Tensor | undefined)[]) => [op(others as Inputs, options)];
    if (captured(() => ({ name, inputs, options, outputs: [output], expression, again }))) return output;
    const call = { inputs, options, output, device };
    const extra = inOp(name, () => definition.run(call)) || {};
    const { gradient } = definition;
    if (gradient) {
      const shapes = inputs.map((input) => input?.shape ?? []);
      record(name, { inputs, output }, {
        save: (needs) => definition.save?.({ ...call, needs, extra }) ?? {},
        rule: (gradOutput, saved, needs) =>
          // The tape hands back exactly what `save` returned, tensor by tensor.
          gradient({ gradOutput, saved: saved as S, options, needs, shapes, device }),
      });
    }
    return output;
  };
  return op;
}

/** Kernels read four bytes as whatever they expect: integers taken for floats would be nonsense, without a word. */
export function checkTypes(
  { name, takes = "f32" }: { readonly name: string; readonly takes?: Takes | readonly Takes[] },
  inputs: readonly (Tensor | undefined)[],
): void {
  const first = inputs.find((input) => input !== undefined)?.dtype;
  inputs.forEach((input, i) => {
    if (!input) return;
    const taken = typeof takes === "string" ? takes : takes[i];
    const wanted = taken === "same" ? first : taken;
    if (wanted === "any" || input.dtype === wanted) return;
    throw new DTypeError(`${name}: expected ${wanted} but found ${input.dtype}; cast(x, "${wanted}") converts`);
  });
}

/** Puts a node on the tape, if recording is on and an input needs a gradient. */
export function record(
  name: string,
  tensors: { readonly inputs: readonly (Tensor | undefined)[]; readonly output: Tensor },
  how: { readonly save?: (needs: readonly boolean[]) => Saved; readonly rule: GradientRule },
): void {
  if (!isRecording()) return;
  const sources = tensors.inputs.map((input) => input && sourceOf(input));
  if (sources.every((source) => source === undefined)) return;
  const saved = how.save?.(sources.map((source) => source !== undefined)) ?? {};
  tensors.output.node = new TapeNode(name, sources, held(saved), how.rule);
}

/** Handles of their own on the saved tensors' memory: scopes may close around the originals. */
function held(saved: Saved): Saved {
  return Object.fromEntries(Object.entries(saved).map(([name, tensor]) => [name, tensor?.alias().detached()]));
}
