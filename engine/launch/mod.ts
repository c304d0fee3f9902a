/**
 * How an op gets its work done. There are three kinds of generated kernels; an op defines what it needs once, at the top of
 * its file, and launches it with named tensors and numbers. Missing and unknown names are errors of types and at run time.
 * Devices compile a definition when it is first launched, and again only for another layout of its operands, never for
 * another size.
 *
 * | what the kernel does                              | define it with    | its body                     | used by                 |
 * | ------------------------------------------------- | ----------------- | ---------------------------- | ----------------------- |
 * | elements, or rows with reductions along them      | `defineRows`      | expressions of the operands  | softmax, norms, AdamW   |
 * | an expression, reduced over any axes              | `defineReduction` | an expression                | norms, losses           |
 * | anything with indices of its own                  | `defineKernel`    | a function over the machine  | gather, pooling, copies |
 *
 * For a whole op of the first kind, with its gradient, `ops/pointwise.ts` needs the expression alone. Beside generated
 * kernels a device has a few of its own (`device/device.ts`): `matmul`, `conv2d` and its gradients, which take an
 * expression as an epilogue, and `topK`, `copy` and `fill`.
 *
 * Below the names is what a device understands: recipes (`kernel/language/recipes.ts`) with operands by position
 * (`device/launches.ts`). Only this folder, and devices for what they need themselves, write those.
 */

export {
  defineKernel,
  type Kernel,
  type KernelBuffers,
  type KernelDefinition,
  type KernelLaunch,
  lanesOf,
} from "./kernel.ts";
export { defineReduction, type Reduces, type ReduceShapes, type ReductionDefinition } from "./reduction.ts";
export { defineRows, type RowReductions, type Rows, type RowsDefinition } from "./rows.ts";
