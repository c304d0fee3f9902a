/** Tensors that outlive every scope: what training changes, and what else belongs to a model's state. */

import type { Device } from "./device/device.ts";
import { dataFor, type DType, type TensorData, typedData } from "./dtype.ts";
import { ShapeError } from "./errors.ts";
import { outsideScopes } from "./scope.ts";
import { formatShape, type Shape, sizeOf } from "./shape.ts";
import { Storage, Tensor } from "./tensor.ts";
import { claim, noteParameter } from "./unclaimed.ts";

/**
 * Where parameters and buffers are allocated; they stay there.
 *
 * @category Layers
 */
export interface ParameterPlace {
  /** The device that holds them. */
  readonly device: Device;
}

/**
 * A tensor that training changes.
 *
 * @category Layers
 */
export class Parameter extends Tensor {
  /**
   * Copies `initial`, row-major, to the place's device. Belongs to no scope: `Module.dispose` gives it up.
   * @throws {ShapeError} where the shape has more or fewer elements
   * @throws {DTypeError} where they are no floats
   */
  constructor(place: ParameterPlace, shape: Shape, initial: TensorData) {
    const data = dataFor("parameter", initial, "f32");
    super(persistentStorage("parameter", { place, shape, data }), [...shape], "f32");
    this.detached();
    this.assign(data);
    this.requiresGrad = true;
    noteParameter(this);
  }

  /** Gives the memory up, and the gradient's. */
  override dispose(): void {
    claim(this);
    super.dispose();
  }
}

/**
 * A tensor that belongs to the state but is not trained: running statistics, tables.
 *
 * @category Layers
 */
export class BufferTensor extends Tensor {
  /**
   * Copies `initial`, row-major, to the place's device; an `Int32Array` makes it a tensor of integers.
   * @throws {ShapeError} where the shape has more or fewer elements
   * @throws {DTypeError} where they are no numbers
   */
  constructor(place: ParameterPlace, shape: Shape, initial: TensorData) {
    const data = typedData("buffer", initial);
    const dtype: DType = data instanceof Int32Array ? "i32" : "f32";
    super(persistentStorage("buffer", { place, shape, data }), [...shape], dtype);
    this.detached();
    this.assign(data);
  }
}

function persistentStorage(
  what: string,
  { place: { device }, shape, data }: {
    readonly place: ParameterPlace;
    readonly shape: Shape;
    readonly data: TensorData;
  },
): Storage {
  const storage = outsideScopes(() => Storage.for(what, device, shape));
  if (sizeOf(shape) === data.length) return storage;
  storage.release();
  throw new ShapeError(
    `${what}: expected ${sizeOf(shape)} elements for ${formatShape(shape)} but found ${data.length}`,
  );
}
