/**
 * Modules: objects whose fields are parameters, buffers and other modules, or hold them in arrays, sets, maps and plain
 * objects. The names in a state dict follow from the fields: `samplingOffsets.weight` is "sampling_offsets.weight", the
 * second element of an array field `layers` is "layers.1", and the entry `boxes` of a map field `heads` is "heads.boxes", as
 * PyTorch's ModuleList and ModuleDict have it. Nothing is registered by hand, so the code's structure is the checkpoint's
 * structure. A module that is reachable along two paths has both names there, and one set of values.
 */

import { beginConstruction } from "../constructing.ts";
import { describe } from "../describe.ts";
import type { Device } from "../device/device.ts";
import type { TensorData } from "../dtype.ts";
import { ArgumentError, ModuleError, ShapeError } from "../errors.ts";
import type { RandomStream } from "../random.ts";
import { BufferTensor, Parameter } from "../parameter.ts";
import { formatShape, sameShape, type Shape } from "../shape.ts";
import { Tensor } from "../tensor.ts";
import { claim, refuseHidden } from "../unclaimed.ts";

/**
 * What layers need to make their parameters: where, and from which random numbers.
 *
 * @category Layers
 */
export interface ModuleContext {
  /** Where parameters and buffers are allocated; they stay there. */
  readonly device: Device;
  /** Draws the initial values, in the order in which layers are constructed. */
  readonly random: RandomStream;
  /** Draws what training drops (dropout, stochastic depth); part of a resumable state. Default: `random`. */
  readonly noise?: RandomStream;
}

/**
 * "samplingOffsets" → "sampling_offsets"; digits stay where they are ("layer1", "norm2").
 *
 * @category Layers
 */
export function snakeCase(field: string): string {
  return field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/**
 * The base of layers and models.
 *
 * @category Layers
 */
export abstract class Module {
  /** Whether dropout, batch statistics and the like behave as in training. Set through `train` and `evaluate`. */
  training = true;
  readonly #number: number;

  /** A module has no parameters but those in its fields. */
  constructor() {
    this.#number = beginConstruction(new.target);
  }

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
    for (const [name, item] of walk(this)) {
      if (item instanceof Module && !seen.has(item)) {
        seen.add(item);
        yield [name, item];
      }
    }
  }

  /**
   * All parameters with their first names, each once.
   * @throws {ModuleError} where the constructor of a module made one that is not found, such as in a `#private` field
   */
  *parameters(): Generator<[string, Parameter]> {
    const seen = new Set<Tensor>();
    for (const [name, item] of this.#shown()) {
      if (item instanceof Parameter && !seen.has(item)) {
        seen.add(item);
        yield [name, item];
      }
    }
  }

  /**
   * Parameters and buffers under every name they have, in the order of the fields.
   * @throws {ModuleError} where the constructor of a module made a parameter that is not found, such as in a `#private`
   * field, and where two tensors have one name
   */
  stateDict(): Map<string, Tensor> {
    return new Map(this.#shown());
  }

  /**
   * Overwrites parameters and buffers; a partial load is the caller's decision.
   * @throws {ArgumentError} on a name that is unknown or missing
   * @throws {ShapeError} on a shape that differs, before anything is changed
   */
  loadStateDict(values: ReadonlyMap<string, { readonly shape: Shape; readonly data: TensorData }>): void {
    const own = this.stateDict();
    for (const [name, tensor] of own) {
      const value = values.get(name);
      if (!value) throw new ArgumentError(`loadStateDict: expected a value for "${name}" but found none`);
      if (!sameShape(value.shape, tensor.shape)) {
        const [expected, found] = [tensor.shape, value.shape].map(formatShape);
        throw new ShapeError(`loadStateDict: expected shape ${expected} for "${name}" but found ${found}`);
      }
    }
    for (const name of values.keys()) {
      if (!own.has(name)) {
        throw new ArgumentError(`loadStateDict: expected only names of this model but found "${name}"`);
      }
    }
    for (const [name, tensor] of own) tensor.assign(values.get(name)!.data);
  }

  /** Gives up all parameters and buffers. */
  dispose(): void {
    for (const [, item] of walk(this)) if (item instanceof Tensor) item.dispose();
  }

  /** Parameters and buffers under every name, once it is certain that there are no others. */
  #shown(): Map<string, Tensor> {
    const shown = new Map<string, Tensor>();
    const numbers = new Set<number>();
    for (const [name, item] of walk(this)) {
      if (item instanceof Module) {
        numbers.add(item.#number);
        continue;
      }
      const other = shown.get(name);
      if (other && other !== item) {
        throw new ModuleError(`module: expected one tensor named "${name}" but found two`);
      }
      shown.set(name, item);
      claim(item);
    }
    refuseHidden(this.constructor.name || "module", numbers);
    return shown;
  }
}

type Item = Module | Tensor;

/** Everything in a module under every name it has, the module itself first. */
function walk(module: Module): Generator<[string, Item]> {
  return new Walk().module("", module);
}

/** One way through a module's fields. Objects of classes other than modules are not looked into. */
class Walk {
  /** What the walk is inside of. */
  readonly #above = new Set<object>();
  /** Lists and maps in which nothing was found; they may be met again and again. */
  readonly #empty = new WeakSet<object>();

  *module(name: string, module: Module): Generator<[string, Item]> {
    if (this.#above.has(module)) throw new ModuleError(`module: expected a tree but "${name}" contains itself`);
    yield [name, module];
    this.#above.add(module);
    for (const [field, value] of Object.entries(module)) yield* this.#value(join(name, snakeCase(field)), value);
    this.#above.delete(module);
  }

  *#value(name: string, value: unknown): Generator<[string, Item]> {
    if (value instanceof Parameter || value instanceof BufferTensor) yield [name, value];
    else if (value instanceof Module) yield* this.module(name, value);
    else if (typeof value === "object" && value !== null) yield* this.#container(name, value);
  }

  *#container(name: string, container: object): Generator<[string, Item]> {
    const entries = entriesOf(container);
    if (!entries || this.#above.has(container) || this.#empty.has(container)) return;
    this.#above.add(container);
    let isEmpty = true;
    for (const [key, value] of entries) {
      if (typeof value !== "object") continue; // a list of numbers may be long
      const part = typeof key === "string" || typeof key === "number" ? `${key}` : describe(key);
      for (const item of this.#value(join(name, part), value)) {
        requireName(name, key);
        isEmpty = false;
        yield item;
      }
    }
    this.#above.delete(container);
    if (isEmpty) this.#empty.add(container);
  }
}

/** What a container holds, by index or key; nothing of an object that is none. */
function entriesOf(container: object): Iterable<[unknown, unknown]> | undefined {
  if (Array.isArray(container) || container instanceof Map) return container.entries();
  if (container instanceof Set) return [...container].entries();
  const prototype = Object.getPrototypeOf(container);
  return prototype === Object.prototype || prototype === null ? Object.entries(container) : undefined;
}

/**
 * Names are joined by dots, and read back.
 * @throws {ModuleError} for a key that is no part of a name
 */
function requireName(container: string, key: unknown): void {
  if (Number.isInteger(key) || (typeof key === "string" && key !== "" && !key.includes("."))) return;
  throw new ModuleError(
    `module: expected names without dots, or whole numbers, as keys of "${container}" but found ${describe(key)}`,
  );
}

const join = (prefix: string, name: string) => prefix === "" ? name : `${prefix}.${name}`;
