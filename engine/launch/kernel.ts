/**
 * Kernels with indices of their own, by name: what the body reads, what it writes and the sizes it is launched with have
 * names and types, and body and launch use these. Which position a buffer or number has in the generated code is decided
 * here and nowhere else.
 *
 *     const gather = defineKernel({
 *       name: "gather",
 *       reads: { source: "f32", indices: "i32" },
 *       writes: { target: "f32" },
 *       sizes: ["columns"],
 *       body: (_, { item, source, indices, target, columns }) => {
 *         const [row, column] = splitIndex(item, [columns]);
 *         target.store(item, source.load(joinIndex([indices.load(row), column], [columns])));
 *       },
 *     });
 *     gather.launch({ source, indices, target, columns: 64, items: target.size });
 */

import type { DType } from "../dtype.ts";
import type { Machine } from "../kernel/language/machine.ts";
import type { IndexedKernel, KernelBuffer } from "../kernel/language/recipes.ts";
import type { BufferRef, Float, Int } from "../kernel/language/value.ts";
import { memoize } from "../memoize.ts";
import type { Tensor } from "../tensor.ts";
import { OperandError } from "../errors.ts";
import { requireType } from "../operands.ts";
import { numbersByName, refuseDuplicates, refuseOthers, tensorsByName } from "./names.ts";

/**
 * Names of buffers, and what their elements are.
 *
 * @category Own operations
 */
export type KernelBuffers = Readonly<Record<string, DType>>;

/**
 * A kernel with indices of its own: the names of its buffers, sizes and scalars, and its body.
 *
 * @category Own operations
 */
export interface KernelDefinition<
  Reads extends KernelBuffers,
  Writes extends KernelBuffers,
  Updates extends KernelBuffers,
  Size extends string,
  Scalar extends string,
> {
  /** Names the kernel, in messages and generated code. */
  readonly name: string;
  /** Buffers that the body only reads. */
  readonly reads?: Reads;
  /** Buffers that it only writes. An item must not write what others read or write. */
  readonly writes?: Writes;
  /** Buffers that it reads and writes. */
  readonly updates?: Updates;
  /** Integers given at launch: a new value compiles nothing. */
  readonly sizes?: readonly Size[];
  /** Floats given at launch. */
  readonly scalars?: readonly Scalar[];
  /**
   * Whether a launch may ask for vectors of four lanes. Then every index of a vector is a multiple of four, and the body
   * finds out by `m.lanes`.
   */
  readonly vectors?: boolean;
  /** For a kernel that only moves elements: tensors may have others than the buffers are declared with. Default false. */
  readonly anyType?: boolean;
  /** What is done for one item. Runs when the kernel is compiled, to describe the work on whatever machine it is given. */
  readonly body: (
    m: Machine,
    at:
      & { readonly item: Int }
      & { readonly [Name in keyof Reads]: BufferRef<Reads[Name]> }
      & { readonly [Name in keyof Writes]: BufferRef<Writes[Name]> }
      & { readonly [Name in keyof Updates]: BufferRef<Updates[Name]> }
      & { readonly [Name in Size]: Int }
      & { readonly [Name in Scalar]: Float },
  ) => void;
}

/**
 * The operands of a launch: tensors and numbers by name, how often the body runs, and with how many lanes.
 *
 * @category Own operations
 */
export type KernelLaunch<Buffer extends string, Number extends string> =
  & { readonly [Name in Buffer]: Tensor }
  & { readonly [Name in Number]: number }
  & {
    /** How often the body runs, in any order and at the same time. */
    readonly items: number;
    /** Only of a kernel with `vectors`. Default 1. */
    readonly lanes?: 1 | 4;
  };

/**
 * A kernel that can be launched.
 *
 * @category Own operations
 */
export interface Kernel<Buffer extends string, Number extends string> {
  /**
   * Runs the body for every item, on the device of the tensors.
   * @throws {OperandError} on a name that is missing, unknown or of no use
   * @throws {DTypeError} on a tensor of another type
   */
  launch(call: KernelLaunch<Buffer, Number>): void;
  /** What devices compile, for vectors of so many lanes. */
  readonly compiled: (lanes: 1 | 4) => IndexedKernel;
}

/**
 * How many lanes a vector along an axis of this length can have.
 *
 * @category Own operations
 */
export const lanesOf = (length: number): 1 | 4 => length % 4 === 0 ? 4 : 1;

/**
 * Makes a kernel of its definition.
 * @throws {OperandError} where two names are the same
 * @category Own operations
 */
export function defineKernel<
  const Reads extends KernelBuffers = Record<never, never>,
  const Writes extends KernelBuffers = Record<never, never>,
  const Updates extends KernelBuffers = Record<never, never>,
  const Size extends string = never,
  const Scalar extends string = never,
>(
  definition: KernelDefinition<Reads, Writes, Updates, Size, Scalar>,
): Kernel<(keyof Reads | keyof Writes | keyof Updates) & string, Size | Scalar> {
  const { name, sizes = [], scalars = [], vectors = false, anyType = false, body } = definition;
  const { reads, writes, updates } = definition;
  const uses = [[reads, "read"], [writes, "write"], [updates, "read_write"]] as const;
  const buffers = uses.flatMap(([group, access]) =>
    Object.entries(group ?? {}).map(([name, dtype]): KernelBuffer => ({ name, dtype, access }))
  );
  const bufferNames = buffers.map((buffer) => buffer.name);
  const own: readonly string[] = ["items", "lanes"];
  refuseDuplicates(name, [...own, "item", ...bufferNames, ...sizes, ...scalars]);
  const compiled = memoize((lanes: 1 | 4): IndexedKernel => ({
    kind: "indexed",
    name: vectors ? `${name}_${lanes}` : name,
    buffers,
    sizes,
    scalars,
    lanes,
    body: (m, item, at) => {
      const named = Object.fromEntries([
        ["item", item],
        ...at.buffers.map((buffer, i) => [bufferNames[i], buffer]),
        ...at.sizes.map((size, i) => [sizes[i], size]),
        ...at.scalars.map((scalar, i) => [scalars[i], scalar]),
      ]);
      body(m, named as Parameters<typeof body>[1]); // exactly the names and types of the definition
    },
  }));
  return {
    compiled,
    launch: (call) => {
      const { items, lanes = 1 } = call;
      if (lanes === 4 && !vectors) {
        throw new OperandError(`${name}: expected one lane but the launch asks for ${lanes}`);
      }
      const tensors = tensorsByName(name, bufferNames, call);
      if (!anyType) {
        buffers.forEach(({ name: buffer, dtype }, i) => requireType(name, buffer, { operand: tensors[i], dtype }));
      }
      const launch = {
        kernel: compiled(lanes),
        buffers: tensors.map(({ buffer }) => buffer),
        sizes: numbersByName(name, sizes, call),
        scalars: numbersByName(name, scalars, call),
        items,
      };
      refuseOthers(name, call, bufferNames, sizes, scalars, call.lanes === undefined ? ["items"] : own);
      tensors[0].device.indexed(launch);
    },
  };
}
