/** Tensors that outlive every scope: what training changes, and what else belongs to a model's state. */

import type { Device } from "./device/device.ts";
import type { TensorData } from "./dtype.ts";
import { outsideScopes } from "./scope.ts";
import { type Shape, sizeOf } from "./shape.ts";
import { Storage, Tensor } from "./tensor.ts";

/** Where parameters and buffers are allocated; they stay there. */
export interface ParameterPlace {
  /** The device that holds them. */
  readonly device: Device;
}

/** A tensor that training changes. */
export class Parameter extends Tensor {
  /** Copies `initial`, row-major, to the place's device. Belongs to no scope: `Module.dispose` gives it up. */
  constructor(place: ParameterPlace, shape: Shape, initial: TensorData) {
    super(persistentStorage(place, shape), [...shape], "f32");
    this.detached();
    this.assign(initial);
    this.requiresGrad = true;
  }
}

/** A tensor that belongs to the state but is not trained: running statistics, tables. */
export class BufferTensor extends Tensor {
  /** Copies `initial`, row-major, to the place's device; an `Int32Array` makes it a tensor of integers. */
  constructor(place: ParameterPlace, shape: Shape, initial: TensorData) {
    super(persistentStorage(place, shape), [...shape], initial instanceof Int32Array ? "i32" : "f32");
    this.detached();
    this.assign(initial);
  }
}

const persistentStorage = ({ device }: ParameterPlace, shape: Shape) =>
  outsideScopes(() => new Storage(device, device.allocate(sizeOf(shape))));
