/** The operators that translations are made of, with the shapes of their results. */

import { broadcastShapes, sameShape, type Shape, sizeOf } from "../../engine/shape.ts";
import { Graph, type Value, type ValueType } from "./graph.ts";

/** Adds nodes; whatever changes nothing adds none. */
export class GraphBuilder extends Graph {
  /** One operand, a result like it. */
  unary(operator: string, x: Value): Value {
    return this.node(operator, { inputs: [x], shape: x.shape, type: x.type });
  }

  /** Two operands, which broadcast. */
  binary(operator: string, [a, b]: readonly [Value, Value | number], { type }: { type?: ValueType } = {}): Value {
    const other = typeof b === "number" ? this.floats(b) : b;
    const shape = broadcastShapes(operator, [a.shape, other.shape]);
    return this.node(operator, { inputs: [a, other], shape, type: type ?? a.type });
  }

  reshape(x: Value, shape: Shape): Value {
    if (sameShape(x.shape, shape)) return x;
    return this.node("Reshape", { inputs: [x, this.integers(shape)], shape, type: x.type });
  }

  /** Axis i of the result is axis `perm[i]` of x. */
  transpose(x: Value, perm: readonly number[]): Value {
    if (perm.every((axis, at) => axis === at)) return x;
    return this.node("Transpose", {
      ...{ inputs: [x], attributes: { perm }, shape: perm.map((axis) => x.shape[axis]), type: x.type },
    });
  }

  /** Places `begin` to `end` - 1 of an axis. */
  slice(x: Value, { axis, begin, end, step = 1 }: { axis: number; begin: number; end: number; step?: number }): Value {
    if (begin === 0 && end >= x.shape[axis] && step === 1) return x;
    return this.node("Slice", {
      inputs: [x, ...[begin, end, axis, step].map((one) => this.integers([one]))],
      shape: x.shape.with(axis, Math.ceil((end - begin) / step)),
      type: x.type,
    });
  }

  split(x: Value, { axis, sizes }: { readonly axis: number; readonly sizes: readonly number[] }): Value[] {
    if (sizes.length === 1) return [x];
    const results = sizes.map((size) => ({ shape: x.shape.with(axis, size), type: x.type }));
    return this.nodeOf("Split", { inputs: [x, this.integers(sizes)], attributes: { axis }, results });
  }

  concat(parts: readonly Value[], axis: number): Value {
    if (parts.length === 1) return parts[0];
    const [{ shape, type }] = parts;
    const size = parts.reduce((sum, part) => sum + part.shape[axis], 0);
    return this.node("Concat", { inputs: parts, attributes: { axis }, shape: shape.with(axis, size), type });
  }

  /** Zeros around x. */
  pad(x: Value, { before, after }: { readonly before: readonly number[]; readonly after: readonly number[] }): Value {
    if ([...before, ...after].every((count) => count === 0)) return x;
    const shape = x.shape.map((size, axis) => before[axis] + size + after[axis]);
    return this.node("Pad", { inputs: [x, this.integers([...before, ...after])], shape, type: x.type });
  }

  /** [..., m, k] · [..., k, n], whose outer axes broadcast. */
  matmul(a: Value, b: Value): Value {
    const outer = broadcastShapes("MatMul", [a.shape.slice(0, -2), b.shape.slice(0, -2)]);
    return this.node("MatMul", { inputs: [a, b], shape: [...outer, a.shape.at(-2) ?? 1, b.shape.at(-1) ?? 1] });
  }

  /** Rows of x along its first axis, by numbers of any shape. */
  gather(x: Value, indices: Value, { axis }: { readonly axis: number }): Value {
    const shape = [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)];
    return this.node("Gather", { inputs: [x, indices], attributes: { axis }, shape, type: x.type });
  }

  cast(x: Value, type: ValueType, { name }: { readonly name?: string } = {}): Value {
    const to = ELEMENT_TYPES[type];
    return this.node("Cast", { inputs: [x], attributes: { to }, shape: x.shape, type, name });
  }

  softmax(x: Value): Value {
    return this.node("Softmax", { inputs: [x], attributes: { axis: x.shape.length - 1 }, shape: x.shape });
  }

  /** Over one axis, which disappears. */
  sum(x: Value, axis: number): Value {
    return this.node("ReduceSum", {
      ...{ inputs: [x, this.integers([axis])], attributes: { keepdims: 0 }, shape: x.shape.toSpliced(axis, 1) },
    });
  }

  /** x stretched to a shape. */
  expand(x: Value, shape: Shape): Value {
    if (sameShape(x.shape, shape)) return x;
    if (sizeOf(x.shape) === sizeOf(shape)) return this.reshape(x, shape);
    return this.node("Expand", { inputs: [x, this.integers(shape)], shape, type: x.type });
  }
}

/** `TensorProto.DataType`. */
export const ELEMENT_TYPES: Readonly<Record<ValueType, number>> = { float: 1, uint8: 2, int32: 6, int64: 7, bool: 9 };
