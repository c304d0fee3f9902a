/**
 * A graph as a file of ONNX: one `ModelProto` (onnx/onnx.proto numbers the fields), whose weights come last, so that one at a
 * time has to be in memory.
 */

import { DinogradError } from "../../engine/errors.ts";
import { sizeOf } from "../../engine/shape.ts";
import { VERSION } from "../../engine/version.ts";
import { float, integer, lengthOf, message, text } from "../logs/protobuf.ts";
import { ELEMENT_TYPES } from "./builder.ts";
import { type Attribute, type Constant, type Graph, type GraphNode, OPSET, UNKNOWN, type Value } from "./graph.ts";

/** The version of the format that came with this opset. */
const IR_VERSION = 8;
/** A protocol buffer has a length of 31 bits. */
const LARGEST_FILE = 2 ** 31 - 1;
/** `AttributeProto.AttributeType`. */
const ATTRIBUTE = { float: 1, integer: 2, text: 3, integers: 7 } as const;

/** What a file holds besides the nodes and constants of its graph. */
interface ModelParts {
  readonly graph: Graph;
  readonly outputs: readonly Value[];
  /** Texts by name, for whoever runs the model. */
  readonly metadata: Readonly<Record<string, string>>;
  readonly description: string;
}

/** A file that is not written yet. */
interface ModelFile {
  readonly bytes: number;
  /** Its parts in order. A weight is fetched from its device when its turn comes. */
  parts(): AsyncGenerator<Uint8Array<ArrayBuffer>>;
}

/** @throws {DinogradError} of kind "config" where it would be larger than a file of ONNX can be */
export function modelFile({ graph, outputs, metadata, description }: ModelParts): ModelFile {
  const constants = graph.usedConstants();
  const body = bytesFrom([
    ...graph.nodes.map((node) => message(1, nodeFields(node))),
    text(2, "dinograd"),
    ...graph.inputs.map((value) => message(11, valueFields(value))),
    ...outputs.map((value) => message(12, valueFields(value))),
    ...innerValues(graph, outputs).map((value) => message(13, valueFields(value))),
  ]);
  const heads = constants.map(constantHead);
  const graphBytes = constants.reduce((sum, each, at) => sum + heads[at].length + rawBytes(each), body.length);
  const head = bytesFrom([
    integer(1, IR_VERSION),
    ...[text(2, "dinograd"), text(3, VERSION), text(6, description)],
    message(8, [...text(1, ""), ...integer(2, OPSET)]),
    ...Object.entries(metadata).map(([name, value]) => message(14, [...text(1, name), ...text(2, value)])),
    lengthOf(7, graphBytes),
  ]);
  const bytes = head.length + graphBytes;
  if (bytes > LARGEST_FILE) {
    throw new DinogradError(
      "config",
      `export: expected a model of at most 2 GiB, as ONNX has it, but found ${bytes} bytes`,
    );
  }
  async function* parts(): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    yield head;
    yield body;
    for (const [at, constant] of constants.entries()) {
      yield heads[at];
      yield await contentOf(constant);
    }
  }
  return { bytes, parts };
}

/** What nodes hand on to one another. */
function innerValues({ nodes }: Graph, outputs: readonly Value[]): Value[] {
  const outside = new Set(outputs.map(({ name }) => name));
  return nodes.flatMap((node) => node.outputs.filter(({ name }) => !outside.has(name)));
}

function bytesFrom(parts: readonly (readonly number[])[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

const nodeFields = ({ name, operator, inputs, outputs, attributes }: GraphNode): number[] => [
  ...inputs.flatMap((input) => text(1, input.name)),
  ...outputs.flatMap((output) => text(2, output.name)),
  ...text(3, name),
  ...text(4, operator),
  ...Object.entries(attributes).flatMap(([key, value]) => message(5, [...text(1, key), ...attributeFields(value)])),
];

function attributeFields(value: Attribute): number[] {
  if (typeof value === "string") return [...text(4, value), ...integer(20, ATTRIBUTE.text)];
  if (typeof value === "number") return [...integer(3, value), ...integer(20, ATTRIBUTE.integer)];
  if ("float" in value) return [...float(2, value.float), ...integer(20, ATTRIBUTE.float)];
  return [...value.flatMap((one) => integer(8, one)), ...integer(20, ATTRIBUTE.integers)];
}

function valueFields({ name, shape, type }: Value): number[] {
  const sizes = shape.flatMap((size) => message(1, size === UNKNOWN ? text(2, "detections") : integer(1, size)));
  return [...text(1, name), ...message(2, message(1, [...integer(1, ELEMENT_TYPES[type]), ...message(2, sizes)]))];
}

/** A constant up to its numbers, as a field of the graph. */
function constantHead(constant: Constant): Uint8Array<ArrayBuffer> {
  const { name, shape, type } = constant;
  const fields = [
    ...shape.flatMap((size) => integer(1, size)),
    ...integer(2, ELEMENT_TYPES[type]),
    ...text(8, name),
    ...lengthOf(9, rawBytes(constant)),
  ];
  return Uint8Array.from([...lengthOf(5, fields.length + rawBytes(constant)), ...fields]);
}

const rawBytes = ({ shape, type }: Constant) => sizeOf(shape) * (type === "int64" ? 8 : 4);

/** The numbers, little-endian. */
async function contentOf({ content, type }: Constant): Promise<Uint8Array<ArrayBuffer>> {
  if (content instanceof Float32Array || content instanceof BigInt64Array) return viewOf(content);
  const data = await content.data();
  return viewOf(type === "int64" ? BigInt64Array.from(data, BigInt) : Float32Array.from(data));
}

const viewOf = ({ buffer, byteOffset, byteLength }: Float32Array<ArrayBuffer> | BigInt64Array<ArrayBuffer>) =>
  new Uint8Array(buffer, byteOffset, byteLength);
