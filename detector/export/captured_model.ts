/**
 * A model as a graph: it is called once on a device that computes nothing, and every operation that depends on the image
 * becomes nodes. The model itself says what it is made of, so that a setting which changes its outputs changes the graph.
 * What depends on weights alone (frozen batch norms, tables of positions, transposed matrices) is computed here.
 */

import { withoutGradient, withRecording } from "../../engine/autograd.ts";
import { capturing } from "../../engine/capture.ts";
import type { CapturedOp } from "../../engine/captured_op.ts";
import { CaptureDevice } from "../../engine/device/capture.ts";
import type { Device } from "../../engine/device/device.ts";
import { DinogradError } from "../../engine/errors.ts";
import type { Module } from "../../engine/nn/module.ts";
import { ZeroStream } from "../../engine/random.ts";
import { scoped } from "../../engine/scope.ts";
import { sameShape } from "../../engine/shape.ts";
import { type Storage, type Tensor, tensor, zeros } from "../../engine/tensor.ts";
import { Dino } from "../model/mod.ts";
import type { GraphBuilder } from "./builder.ts";
import type { Constant, Value } from "./graph.ts";
import type { Sampling } from "./options.ts";
import type { Call } from "./translate/call.ts";
import { translate } from "./translate/mod.ts";

/** Memory of the captured model, and what it stands for: numbers on the real device, or a value of the graph. */
type Meaning = { readonly constant: Constant & { readonly content: Tensor } } | { readonly value: Value };

/** What is captured with, and where constants are computed. */
interface CaptureParts {
  readonly graph: GraphBuilder;
  readonly device: CaptureDevice;
  readonly real: Device;
  readonly sampling: Sampling;
}

/** Turns operations into nodes. Dispose of it when the constants have been read. */
class OperationCapture {
  readonly #parts: CaptureParts;
  readonly #meanings = new Map<Storage, Meaning>();
  readonly #views = new Map<string, Value>();
  readonly #made: Tensor[] = [];

  constructor(parts: CaptureParts) {
    this.#parts = parts;
  }

  /** Says what a tensor of the captured model stands for: a value. */
  bind(tensor: Tensor, value: Value): void {
    this.#meanings.set(tensor.storage, { value });
  }

  /** The same, for a parameter or buffer whose numbers are those of a tensor on the real device. */
  bindConstant(tensor: Tensor, content: Tensor, name: string): void {
    if (this.#meanings.has(tensor.storage)) return; // of its names the first one counts
    this.#meanings.set(tensor.storage, { constant: this.#constant(name, content) });
  }

  /** The graph's value of a tensor, in the shape that it is seen in. */
  valueOf(tensor: Tensor): Value {
    const meaning = this.#meaningOf(tensor);
    const value = "value" in meaning ? meaning.value : meaning.constant;
    if (sameShape(value.shape, tensor.shape)) return value;
    return this.#once(
      `${value.name} as ${tensor.shape}`,
      () =>
        "value" in meaning
          ? this.#parts.graph.reshape(value, tensor.shape)
          : this.#constant(value.name, this.#own(() => [meaning.constant.content.alias(tensor.shape)])[0]),
    );
  }

  /** Gives up the constants that were computed. */
  dispose(): void {
    for (const tensor of this.#made) tensor.dispose();
  }

  /** Takes an operation of the captured model. */
  take(op: CapturedOp): void {
    const { inputs, outputs } = op;
    if (inputs.every((input) => !input || this.#realOf(input))) return this.#compute(op);
    const values = translate(this.#callOf(op), op);
    outputs.forEach((output, at) => this.bind(output, values[at]));
  }

  /** What depends on constants alone is a constant. */
  #compute({ name, inputs, outputs, again }: CapturedOp): void {
    const results = this.#own(() => again(inputs.map((input) => input && this.#realOf(input))));
    outputs.forEach((output, at) => this.bindConstant(output, results[at], this.#named(name)));
  }

  #callOf({ name, inputs, options, outputs }: CapturedOp): Call {
    const { graph, sampling } = this.#parts;
    const input = (at: number) => {
      const found = inputs[at];
      if (found) return found;
      throw new DinogradError("config", `export: expected input ${at} of ${name} but found none`);
    };
    return {
      ...{ name, options, graph, sampling, count: inputs.length },
      shapes: outputs.map(({ shape }) => shape),
      value: (at) => this.valueOf(input(at)),
      has: (at) => inputs[at] !== undefined,
      fold: (as, from, compute) => {
        const tensors = from.map((one) => typeof one === "number" ? input(one) : one);
        const constants = tensors.map((one) => this.#realOf(one));
        const known = constants.filter((one) => one !== undefined);
        if (known.length < constants.length) {
          throw new DinogradError(
            "config",
            `export: expected constants as weights of ${name} but found what it computes`,
          );
        }
        const names = tensors.map((one) => this.valueOf(one).name);
        return this.#once(`${as} ${names.join()}`, () => {
          const [result] = this.#own(() => [compute(...known)]);
          return this.#constant(`${names[0]}.${as}`, result);
        });
      },
    };
  }

  /** The numbers of a tensor on the real device, in its shape; undefined where they depend on the image. */
  #realOf(tensor: Tensor): Tensor | undefined {
    const meaning = this.#meaningOf(tensor);
    if (!("constant" in meaning)) return undefined;
    const { content } = meaning.constant;
    return sameShape(content.shape, tensor.shape) ? content : this.#own(() => [content.alias(tensor.shape)])[0];
  }

  #meaningOf({ storage, shape, dtype }: Tensor): Meaning {
    const known = this.#meanings.get(storage);
    if (known) return known;
    const { device, real } = this.#parts;
    const data = device.contentsOf(storage.buffer);
    if (!data) {
      throw new DinogradError(
        "config",
        `export: expected ${dtype} [${shape}] from an operation but found it from none`,
      );
    }
    const [content] = this.#own(() => [tensor(real, data, shape)]);
    const meaning = { constant: this.#constant(this.#named("constant"), content) };
    this.#meanings.set(storage, meaning);
    return meaning;
  }

  #constant(name: string, content: Tensor) {
    const { shape, dtype } = content;
    const type = dtype === "i32" ? "int64" : "float"; // indices, which operators want so
    return { ...this.#parts.graph.constant(name, { shape, type, content }), content };
  }

  #named(what: string): string {
    const { module } = this.#parts.graph;
    return module === "" ? what : `${module}.${what}`;
  }

  #once(key: string, make: () => Value): Value {
    const known = this.#views.get(key) ?? make();
    this.#views.set(key, known);
    return known;
  }

  /** Computes on the real device, without a capture; what comes of it lives until `dispose`. */
  #own(run: () => readonly Tensor[]): Tensor[] {
    const made = capturing(
      undefined,
      () => withoutGradient(() => scoped(() => run().map((result) => result.alias().detached()))),
    );
    this.#made.push(...made);
    return made;
  }
}

/** What a captured model gives. Dispose of it when the constants of the graph have been read. */
interface CapturedModel {
  /** [1, queries, classes], before the sigmoid. */
  readonly logits: Value;
  /** [1, queries, 4]: centre and size as shares of the image. */
  readonly boxes: Value;
  dispose(): void;
}

/**
 * Adds the nodes of a model in evaluation.
 * @param image [1, 3, height, width], normalised
 * @throws {DinogradError} of kind "config" where the model does something that has no translation
 */
export function captureModel(
  model: Dino,
  { graph, image, sampling }: { readonly graph: GraphBuilder; readonly image: Value; readonly sampling: Sampling },
): CapturedModel {
  const device = new CaptureDevice();
  const twin = buildTwin(model, device);
  const capture = new OperationCapture({ graph, device, real: model.device, sampling });
  const own = model.stateDict();
  for (const [name, like] of twin.stateDict()) {
    const content = own.get(name);
    if (content) capture.bindConstant(like, content, name);
  }
  try {
    const { predLogits, predBoxes } = scoped(() => {
      const [, , height, width] = image.shape;
      const images = zeros(device, image.shape);
      capture.bind(images, image);
      const inputs = { images, mask: new Uint8Array(height * width), auxiliary: false };
      const forward = () => capturing((op) => capture.take(op), () => twin.forward(inputs));
      // As if there were gradients: without them, a large image would go through parts of the model piece by piece.
      return inModules(twin, graph, () => withRecording(true, forward));
    });
    return { logits: capture.valueOf(predLogits), boxes: capture.valueOf(predBoxes), dispose: () => capture.dispose() };
  } catch (error) {
    capture.dispose();
    throw error;
  } finally {
    twin.dispose();
  }
}

/** The same model on a device that computes nothing, without what saves memory in training. */
function buildTwin({ options }: Dino, device: CaptureDevice): Dino {
  const backbone = { ...options.backbone, gradientCheckpoint: false };
  const twin = new Dino({ device, random: new ZeroStream() }, { ...options, backbone, gradientCheckpoint: false });
  device.forget();
  return twin.evaluate();
}

/** Runs a function in which every module that is called is the graph's module while it runs. */
function inModules<T>(model: Module, graph: GraphBuilder, run: () => T): T {
  const called: Module[] = [];
  for (const [name, module] of model.modules()) {
    const forward: unknown = Reflect.get(module, "forward");
    if (typeof forward !== "function") continue;
    const value = (...args: unknown[]): unknown => {
      const before = graph.module;
      graph.module = name;
      try {
        return Reflect.apply(forward, module, args);
      } finally {
        graph.module = before;
      }
    };
    Object.defineProperty(module, "forward", { value, configurable: true });
    called.push(module);
  }
  try {
    return run();
  } finally {
    for (const module of called) Reflect.deleteProperty(module, "forward");
  }
}
