/**
 * Modules: objects whose fields are parameters, buffers and other modules. The names in a state dict follow from the
 * fields: `samplingOffsets.weight` is "sampling_offsets.weight", and the second element of an array field `layers` is
 * "layers.1". Nothing is registered by hand, so the code's structure is the checkpoint's structure. A module that is
 * reachable along two paths has both names there, and one set of values.
 */

import type { Device } from "../device/device.ts";
import type { TensorData } from "../dtype.ts";
import type { RandomStream } from "../random.ts";
import { BufferTensor, Parameter } from "../parameter.ts";
import { formatShape, sameShape, type Shape } from "../shape.ts";
import { Tensor } from "../tensor.ts";

/** What layers need to make their parameters: where, and from which random numbers. */
export interface ModuleContext {
  /** Where parameters and buffers are allocated; they stay there. */
  readonly device: Device;
  /** Draws the initial values, in the order in which layers are constructed. */
  readonly random: RandomStream;
  /** Draws what training drops (dropout, stochastic depth); part of a resumable state. Default: `random`. */
  readonly noise?: RandomStream;
}

/** "samplingOffsets" → "sampling_offsets"; digits stay where they are ("layer1", "norm2"). */
export function snakeCase(field: string): string {
  return field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** The base of layers and models. */
export abstract class Module {
  /** Whether dropout, batch statistics and the like behave as in training. Set through `train` and `evaluate`. */
  training = true;

  /** Sets training behaviour here and in all modules inside. */
  train(on = true): this {
    for (const [, module] of this.modules()) module.training = on;
    return this;
  }
  /** Sets behaviour for use: nothing is dropped, statistics are the running ones. */
  evaluate(): this {
    return this.train(false);
  }

  /** This module and all inside, with their names ("" for this one), each once. */
  *modules(): Generator<[string, Module]> {
    const seen = new Set<Module>();
    for (const [name, item] of this.#walk("", new Set())) {
      if (item instanceof Module && !seen.has(item)) {
        seen.add(item);
        yield [name, item];
      }
    }
  }

  /** All parameters with their first names, each once. */
  *parameters(): Generator<[string, Parameter]> {
    const seen = new Set<Parameter>();
    for (const [name, item] of this.#walk("", new Set())) {
      if (item instanceof Parameter && !seen.has(item)) {
        seen.add(item);
        yield [name, item];
      }
    }
  }

  /** Parameters and buffers under every name they have, in the order of the fields. */
  stateDict(): Map<string, Tensor> {
    const state = new Map<string, Tensor>();
    for (const [name, item] of this.#walk("", new Set())) if (item instanceof Tensor) state.set(name, item);
    return state;
  }

  /**
   * Overwrites parameters and buffers. Throws on a name that is unknown or missing or a shape that differs, before
   * anything is changed; a partial load is the caller's decision.
   */
  loadStateDict(values: ReadonlyMap<string, { readonly shape: Shape; readonly data: TensorData }>): void {
    const own = this.stateDict();
    for (const [name, tensor] of own) {
      const value = values.get(name);
      if (!value) throw new RangeError(`loadStateDict: expected a value for "${name}" but found none`);
      if (!sameShape(value.shape, tensor.shape)) {
        const [expected, found] = [tensor.shape, value.shape].map(formatShape);
        throw new RangeError(`loadStateDict: expected shape ${expected} for "${name}" but found ${found}`);
      }
    }
    for (const name of values.keys()) {
      if (!own.has(name)) throw new RangeError(`loadStateDict: expected only names of this model but found "${name}"`);
    }
    for (const [name, tensor] of own) tensor.assign(values.get(name)!.data);
  }

  /** Gives up all parameters and buffers. */
  dispose(): void {
    for (const tensor of this.stateDict().values()) {
      tensor.grad?.dispose();
      tensor.dispose();
    }
  }

  *#walk(prefix: string, above: Set<object>): Generator<[string, Module | Tensor]> {
    if (above.has(this)) throw new Error(`module: expected a tree but "${prefix}" contains itself`);
    yield [prefix, this];
    const path = new Set(above).add(this);
    for (const [field, value] of Object.entries(this)) yield* walkField(join(prefix, snakeCase(field)), value, path);
  }

  /** For `walkField`, which also descends through arrays. */
  static walk(module: Module, prefix: string, above: Set<object>): Generator<[string, Module | Tensor]> {
    return module.#walk(prefix, above);
  }
}

const join = (prefix: string, name: string) => prefix === "" ? name : `${prefix}.${name}`;

function* walkField(name: string, value: unknown, above: Set<object>): Generator<[string, Module | Tensor]> {
  if (value instanceof Parameter || value instanceof BufferTensor) yield [name, value];
  else if (value instanceof Module) yield* Module.walk(value, name, above);
  else if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) yield* walkField(join(name, `${i}`), value[i], above);
  }
}
