/**
 * The engine's face: tensors with automatic differentiation, devices that run generated kernels, layers and optimizers.
 * It knows nothing of detection and can be used by itself.
 *
 * ```ts
 * import { createCpuDevice, scope, tensor } from "@dinograd/dinograd/engine";
 *
 * const device = await createCpuDevice();
 * {
 *   using _ = scope(); // what is made inside is gone behind the brace
 *   const x = tensor(device, [1, 2, 3]);
 *   x.requiresGrad = true;
 *   x.square().sum().backward();
 *   console.log(await x.grad?.data()); // [2, 4, 6]
 * }
 * await device.destroy();
 * ```
 *
 * @module
 */

export { backward, isRecording, withoutGradient } from "./autograd.ts";
export { gradientCheckpoint } from "./checkpointing.ts";
export type { GradientRule, Saved, TapeNode } from "./autograd.ts";
export { arange, type ArangeOptions, eye, linspace, type LinspaceOptions, ones, rand, randn } from "./create.ts";
export type { Buffer } from "./device/buffer.ts";
export type {
  CommandTimer,
  Conv2dCall,
  Conv2dInputGradientCall,
  Conv2dShape,
  Conv2dWeightGradientCall,
  CopyCall,
  Device,
  DeviceKind,
  DeviceMemory,
  Epilogue,
  EpilogueDefinition,
  MatmulCall,
  MatrixLayout,
  TopKCall,
} from "./device/device.ts";
export { DryDevice } from "./device/dry.ts";
export type { ColumnLaunch, IndexedLaunch, RowLaunch } from "./device/launches.ts";
export { ReferenceDevice } from "./device/reference.ts";
export { createCpuDevice } from "./device/wasm/device.ts";
export type { WasmRuntimeOptions } from "./device/wasm/runtime/runtime.ts";
export type { DType, TensorData } from "./dtype.ts";
export {
  ArgumentError,
  type CallErrorCode,
  DeviceMismatchError,
  DinogradError,
  DisposedError,
  DTypeError,
  type ErrorKind,
  type FailureCode,
  ModuleError,
  OperandError,
  ScopeError,
  ShapeError,
  TapeError,
} from "./errors.ts";
export type { BilinearSampler, Corner, Plane, SamplePoint } from "./kernel/language/bilinear.ts";
export {
  type BinaryOp,
  constant,
  type Expr,
  type ExprOp,
  type LeafOp,
  select,
  type UnaryOp,
} from "./kernel/language/expr.ts";
export { joinIndex, splitIndex } from "./kernel/language/index_arithmetic.ts";
export type { Machine, Variable } from "./kernel/language/machine.ts";
export type {
  Along,
  ColumnRecipe,
  IndexedKernel,
  KernelArguments,
  KernelBuffer,
  OperandNames,
  RowOutput,
  RowRecipe,
  RowReduction,
} from "./kernel/language/recipes.ts";
export type {
  ArithmeticOp,
  BufferRef,
  CompareOp,
  ConditionOf,
  Float,
  Int,
  IntegerOp,
  MathOp,
  ReduceOp,
  Value,
  ValueMachine,
  ValueType,
  Vector,
} from "./kernel/language/value.ts";
export {
  defineKernel,
  defineReduction,
  defineRows,
  type Kernel,
  type KernelBuffers,
  type KernelDefinition,
  type KernelLaunch,
  lanesOf,
  type Reduces,
  type ReduceShapes,
  type ReductionDefinition,
  type RowReductions,
  type Rows,
  type RowsDefinition,
} from "./launch/mod.ts";
export { defineOp, type OpCall, type OpDefinition, type Takes } from "./op.ts";
export * from "./nn/mod.ts";
export * from "./ops/mod.ts";
export * from "./optim/mod.ts";
export { BufferTensor, Parameter, type ParameterPlace } from "./parameter.ts";
export { type RandomState, RandomStream, ZeroStream } from "./random.ts";
export { currentScope, type Disposes, Scope, scope, scoped, tidy } from "./scope.ts";
export { broadcastShapes, formatShape, normalizeAxis, type Shape, sizeOf, stridesOf } from "./shape.ts";
export type { NestedList, NestedNumbers } from "./nested.ts";
export { full, type Storage, Tensor, tensor, zeros } from "./tensor.ts";
export { TensorMethods } from "./tensor_methods.ts";
