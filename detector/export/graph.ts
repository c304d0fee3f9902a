/**
 * A graph of ONNX operators (onnx/docs/Operators.md) that grows node by node. Every value has its type and shape from the
 * beginning, for the size of the image is fixed. A node is named after the module that it belongs to, as PyTorch's exporter
 * does: `/transformer/encoder/layers.0/linear1/MatMul`.
 */

import { formatShape, type Shape } from "../../engine/shape.ts";
import type { Tensor } from "../../engine/tensor.ts";

/** The version of the operators. */
export const OPSET = 17;

/** A size in a shape that only a run tells, such as how many detections are left of those that overlap. */
export const UNKNOWN = -1;

export type ValueType = "float" | "int64" | "int32" | "uint8" | "bool";

/** A value of the graph. */
export interface Value {
  readonly name: string;
  readonly shape: Shape;
  readonly type: ValueType;
}

/** A value that stands in the file: in memory, or still on a device, where integers of 32 bits become those of 64. */
export interface Constant extends Value {
  readonly content: Float32Array<ArrayBuffer> | BigInt64Array<ArrayBuffer> | Tensor;
}

/** A text, a whole number of at least 0 or a list of them, or a float. */
export type Attribute = string | number | readonly number[] | { readonly float: number };

/** An operator with what it is applied to. */
export interface GraphNode {
  readonly name: string;
  readonly operator: string;
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  readonly attributes: Readonly<Record<string, Attribute>>;
}

interface Result {
  readonly shape: Shape;
  /** Default: float. */
  readonly type?: ValueType;
  /** Default: after the node. */
  readonly name?: string;
}

interface NodeParts {
  readonly inputs: readonly Value[];
  readonly attributes?: Readonly<Record<string, Attribute>>;
}

/** Nodes in the order of computation, and the constants that they use. */
export class Graph {
  #nodes: GraphNode[] = [];
  readonly inputs: Value[] = [];
  /** The module under way, such as `transformer.encoder.layers.0`; "" for the model itself. */
  module = "";
  readonly #constants = new Map<string, Constant>();
  readonly #counts = new Map<string, number>();

  get nodes(): readonly GraphNode[] {
    return this.#nodes;
  }

  /** Declares an input. */
  input(name: string, { shape, type = "float" }: Result): Value {
    const value = { name: this.#unused(name), shape, type };
    this.inputs.push(value);
    return value;
  }

  /** Adds a node with one result. */
  node(operator: string, { shape, type, name, ...parts }: NodeParts & Result): Value {
    return this.nodeOf(operator, { ...parts, results: [{ shape, type, name }] })[0];
  }

  /** Adds a node with any number of results. */
  nodeOf(
    operator: string,
    { inputs, attributes = {}, results }: NodeParts & { readonly results: readonly Result[] },
  ): Value[] {
    const name = this.#unused(`${this.#folder()}${operator}`);
    const outputs = results.map((result, at): Value => ({
      name: result.name === undefined ? results.length === 1 ? name : `${name}.${at}` : this.#unused(result.name),
      shape: result.shape,
      type: result.type ?? "float",
    }));
    this.#nodes.push({ name, operator, inputs, outputs, attributes });
    return outputs;
  }

  /** Adds a constant; one of the same name gets another. */
  constant(name: string, parts: Omit<Constant, "name">): Constant {
    const constant = { ...parts, name: this.#unused(name) };
    this.#constants.set(constant.name, constant);
    return constant;
  }

  /** A short list of integers, which is there once for all who ask. */
  integers(values: readonly number[]): Value {
    return this.#shared(`integers[${values.join(", ")}]`, {
      shape: [values.length],
      type: "int64",
      content: BigInt64Array.from(values, BigInt),
    });
  }

  /** A whole number, there once for all who ask. */
  integerOf(value: number): Value {
    return this.#shared(`integer ${value}`, { shape: [], type: "int64", content: BigInt64Array.of(BigInt(value)) });
  }

  /** A number, or a few with a shape, there once for all who ask. */
  floats(values: number | readonly number[], shape?: Shape): Value {
    const content = Float32Array.of(...[values].flat());
    const of = shape ?? (typeof values === "number" ? [] : [values.length]);
    const distinct = new Set(content).size === 1 ? content.slice(0, 1) : content;
    const name = of.length === 0 ? `float ${content[0]}` : `floats ${formatShape(of)}: ${distinct.join(", ")}`;
    return this.#shared(name, { shape: of, type: "float", content });
  }

  /** Leaves out the nodes whose results none of these values needs. */
  keepWhatGives(outputs: readonly Value[]): void {
    const needed = new Set(outputs.map(({ name }) => name));
    const kept = this.#nodes.toReversed().filter((node) => {
      const isNeeded = node.outputs.some(({ name }) => needed.has(name));
      if (isNeeded) node.inputs.forEach(({ name }) => needed.add(name));
      return isNeeded;
    });
    this.#nodes = kept.reverse();
  }

  /** The constants that nodes use, each once, in the order of their use. */
  usedConstants(): Constant[] {
    const used = new Set(this.nodes.flatMap(({ inputs }) => inputs.map(({ name }) => name)));
    return [...used].flatMap((name) => this.#constants.get(name) ?? []);
  }

  #shared(name: string, parts: Omit<Constant, "name">): Value {
    return this.#constants.get(name) ?? this.constant(name, parts);
  }

  /** Parts of a list keep their dot: `layers.0`. */
  #folder(): string {
    return this.module === "" ? "/" : `/${this.module.replaceAll(/\.(?!\d)/g, "/")}/`;
  }

  #unused(name: string): string {
    const count = this.#counts.get(name) ?? 0;
    this.#counts.set(name, count + 1);
    return count === 0 ? name : this.#unused(`${name}_${count}`);
  }
}
