/**
 * A tensor: a shape over a piece of device memory. Always contiguous and row-major; `reshape` shares the memory,
 * everything else that moves elements copies. What models chain is in `tensor_methods.ts`.
 */

import { backward, type TapeNode } from "./autograd.ts";
import type { Buffer } from "./device/buffer.ts";
import type { Device } from "./device/device.ts";
import { dataFor, type DType, type TensorData, typedData } from "./dtype.ts";
import { ArgumentError, DisposedError, ShapeError } from "./errors.ts";
import { accumulate } from "./ops/elementwise.ts";
import { currentScope } from "./scope.ts";
import { nest, type NestedList, type NestedNumbers, unnest } from "./nested.ts";
import { displayOf, shownOf } from "./show/shown.ts";
import { lineOf, textOf } from "./show/text.ts";
import { checkShape, formatShape, type Shape, sizeOf } from "./shape.ts";
import { TensorMethods } from "./tensor_methods.ts";

/**
 * A counted reference to device memory, shared by tensors that view the same elements.
 *
 * @category Tensors
 */
export class Storage {
  #references = 1;

  /** `buffer` is memory of `device` that this object frees in the end; it begins with one reference. */
  constructor(readonly device: Device, readonly buffer: Buffer) {}

  /** One more reference. Returns itself. */
  retain(): this {
    this.#references++;
    return this;
  }

  /** One reference less; the last one frees the memory. */
  release(): void {
    if (--this.#references === 0) this.device.free(this.buffer);
  }

  /** New memory for a tensor of this shape; `what` opens the message where there is none. */
  static for(what: string, device: Device, shape: Shape): Storage {
    checkShape(what, shape);
    checkInUse(device);
    return new Storage(device, device.allocate(sizeOf(shape)));
  }

  /** Whether more than one tensor looks at this memory. */
  get shared(): boolean {
    return this.#references > 1;
  }
}

/**
 * A shape over device memory, with its place on the tape. Most of what is done with tensors are functions; what models
 * chain is there as methods, too, which are described with `TensorMethods`.
 *
 * @category Tensors
 */
export class Tensor extends TensorMethods {
  /** Sizes, outermost first; [] for a scalar. */
  readonly shape: Shape;
  /** What the elements are. */
  readonly dtype: DType;
  /** The memory, which tensors may share. */
  readonly storage: Storage;
  /** A leaf whose `grad` is wanted. */
  requiresGrad = false;
  /** Filled by `backward`, for leaves with `requiresGrad`. Lives as long as the leaf, in no scope. */
  grad: Tensor | undefined;
  /** The op that made this tensor, if it was recorded. */
  node: TapeNode | undefined;
  #alive = true;

  /**
   * Use `tensor`, `zeros` or an op; this takes over the storage reference it is given.
   * @throws {ShapeError} where the memory is too small for the shape
   */
  constructor(storage: Storage, shape: Shape, dtype: DType) {
    super();
    checkShape("tensor", shape);
    if (sizeOf(shape) > storage.buffer.length) {
      throw new ShapeError(
        `tensor: expected memory of ${sizeOf(shape)} elements for ${
          formatShape(shape)
        } but found ${storage.buffer.length}`,
      );
    }
    this.storage = storage;
    this.shape = shape;
    this.dtype = dtype;
    currentScope()?.own(this);
  }

  /** Where the memory is. */
  get device(): Device {
    return this.storage.device;
  }
  /**
   * The memory for kernels.
   * @throws {DisposedError} if the tensor was disposed of, or its device destroyed
   */
  get buffer(): Buffer {
    if (!this.#alive) {
      const why = "by the end of its scope, which keep() can outlive, or by dispose()";
      throw new DisposedError(
        `tensor: expected a living tensor but ${formatShape(this.shape)} was disposed of, ${why}`,
      );
    }
    checkInUse(this.device);
    return this.storage.buffer;
  }
  /** Whether the memory was given up: the tensor cannot be used any more. */
  get disposed(): boolean {
    return !this.#alive;
  }
  /** How many elements. */
  get size(): number {
    return sizeOf(this.shape);
  }
  /** How many axes. */
  get rank(): number {
    return this.shape.length;
  }

  /**
   * The elements, row-major: float32 (float64 on the reference device) or int32. Waits for the device.
   * @throws {DisposedError} if the tensor was disposed of, or its device destroyed
   */
  data(): Promise<TensorData> {
    return this.device.download(this.buffer, this.dtype, this.size);
  }
  /** The elements in lists within lists, one level per axis; of a scalar, the number itself. Waits for the device. */
  async toArray(): Promise<NestedNumbers> {
    return nest(await this.data(), this.shape);
  }
  /**
   * The only element of a one-element tensor.
   * @throws {ShapeError} where there are more or fewer
   */
  async item(): Promise<number> {
    if (this.size !== 1) throw new ShapeError(`item: expected one element but found shape ${formatShape(this.shape)}`);
    return (await this.data())[0];
  }
  /**
   * Overwrites the elements in place. Not recorded.
   * @throws {ShapeError} where there are more or fewer
   * @throws {DTypeError} where they are of another type
   */
  assign(data: TensorData): this {
    const elements = dataFor("assign", data, this.dtype);
    if (elements.length !== this.size) {
      throw new ShapeError(`assign: expected ${this.size} elements but found ${elements.length}`);
    }
    this.device.upload(this.buffer, elements);
    return this;
  }
  /**
   * Overwrites every element in place. Not recorded.
   * @throws {ArgumentError} for a fraction in a tensor of integers
   */
  fill(value: number): this {
    if (this.dtype === "f32") this.device.fill(this.buffer, value, this.size);
    else if (Number.isInteger(value)) this.assign(new Int32Array(this.size).fill(value));
    else throw new ArgumentError(`fill: expected a whole number for an i32 tensor but found ${value}`);
    return this;
  }

  /**
   * A new tensor on the same device, elements undefined.
   * @throws {ShapeError} where the shape is none
   */
  empty(shape: Shape, dtype: DType = "f32"): Tensor {
    return new Tensor(Storage.for("empty", this.device, shape), [...shape], dtype);
  }
  /**
   * Another handle on the same memory, without history.
   * @throws {ShapeError} where the shape has other elements
   */
  alias(shape: Shape = this.shape): Tensor {
    void this.buffer; // of a living tensor
    if (shape !== this.shape) {
      checkShape("alias", shape);
      if (sizeOf(shape) !== this.size) {
        throw new ShapeError(`alias: expected ${this.size} elements but found ${formatShape(shape)}`);
      }
    }
    return new Tensor(this.storage.retain(), [...shape], this.dtype);
  }
  /** The same values cut off from the tape. */
  detach(): Tensor {
    return this.alias();
  }
  /** Leaves all scopes: lives until `dispose`. Returns itself. */
  detached(): this {
    currentScope()?.forget(this);
    return this;
  }
  /** Gives the memory up (if nobody else looks at it). Scopes call this; model code need not. */
  dispose(): void {
    if (!this.#alive) return;
    this.#alive = false;
    this.storage.release();
    this.node?.release();
    this.node = undefined;
    this.grad?.dispose();
    this.grad = undefined;
  }

  /** What `console.log` shows: dtype, shape, device, and the values where they are at hand, those of the edges if many. */
  override toString(): string {
    return textOf(shownOf(this));
  }
  /** As `toString`, in Deno, Node and Bun; within other things on one line. */
  [Symbol.for("nodejs.util.inspect.custom")](depth: number, options: { readonly depth?: number | null }): string {
    const isWithin = depth < (options.depth ?? Infinity);
    return isWithin ? lineOf(shownOf(this)) : this.toString();
  }
  /** What a notebook shows: the same text, and a table or a map of the values. Waits for the device. */
  [Symbol.for("Jupyter.display")](): Promise<Record<string, string>> {
    return displayOf(this);
  }

  /**
   * Adds d this / d leaf to every leaf's `grad`; for a scalar loss.
   * @throws {TapeError} where nothing was recorded, or the tape was walked before
   */
  backward(): void {
    backward([this]);
  }
  /**
   * Adds `other` in place; for gradients and statistics. Not recorded.
   * @throws {ShapeError} unless the shapes are equal
   */
  accumulate(other: Tensor): this {
    accumulate(this, other);
    return this;
  }
}

/** @throws {DisposedError} where a device was destroyed */
function checkInUse({ destroyed, kind }: Device): void {
  if (destroyed) throw new DisposedError(`tensor: expected a device in use but ${kind} was destroyed`);
}

/**
 * A tensor with the given elements on a device: floats, but integers of an `Int32Array`. Lists within lists give its shape;
 * without them and without `shape` it has one axis.
 *
 * ```ts
 * import { createCpuDevice, tensor } from "@dinograd/dinograd/engine";
 *
 * const device = await createCpuDevice();
 * const x = tensor(device, [[1, 2, 3], [4, 5, 6]]);
 * console.log(x.shape, await x.transpose().toArray()); // [ 2, 3 ] [ [ 1, 4 ], [ 2, 5 ], [ 3, 6 ] ]
 * await device.destroy();
 * ```
 *
 * @throws {ShapeError} where the shape has more or fewer elements, or lists beside each other differ in length
 * @throws {DTypeError} where they are no numbers
 * @category Tensors
 */
export function tensor(device: Device, data: TensorData | NestedList, shape?: Shape): Tensor {
  const nested = Array.isArray(data) && data.some(Array.isArray) ? unnest("tensor", data) : undefined;
  const elements = typedData("tensor", nested?.elements ?? data as TensorData | readonly number[]); // not nested
  const dims = shape ?? nested?.shape ?? [elements.length];
  checkShape("tensor", dims);
  if (sizeOf(dims) !== elements.length) {
    throw new ShapeError(
      `tensor: expected ${sizeOf(dims)} elements for ${formatShape(dims)} but found ${elements.length}`,
    );
  }
  const dtype = elements instanceof Int32Array ? "i32" : "f32";
  const made = new Tensor(Storage.for("tensor", device, dims), [...dims], dtype);
  device.upload(made.buffer, elements);
  return made;
}

/**
 * A float tensor filled with one value.
 * @throws {ShapeError} where the shape is none
 * @category Tensors
 */
export function full(device: Device, shape: Shape, value: number): Tensor {
  return new Tensor(Storage.for("full", device, shape), [...shape], "f32").fill(value);
}

/**
 * A float tensor of zeros.
 * @throws {ShapeError} where the shape is none
 * @category Tensors
 */
export function zeros(device: Device, shape: Shape): Tensor {
  return full(device, shape, 0);
}
