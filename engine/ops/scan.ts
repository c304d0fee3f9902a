/** Running sums and products of whole lines: an item goes along its line in order. */

import { defineKernel } from "../launch/kernel.ts";
import { defineOp } from "../op.ts";
import type { Tensor } from "../tensor.ts";
import { lineAt, type Lines, linesOf } from "./lines.ts";

/** An item is a line, which is walked backwards where `backwards` is 1. */
const runningSum = defineKernel({
  name: "cumsum",
  reads: { input: "f32" },
  writes: { output: "f32" },
  sizes: ["length", "inner", "backwards"],
  body: (m, { item, input, output, length, inner, backwards }) => {
    const element = lineAt(item, length, inner);
    const total = m.variable(m.float(0));
    const turned = backwards.eq(1);
    m.loop(length, (step) => {
      const at = element(turned.select(length.sub(1).sub(step), step));
      total.add(input.load(at));
      output.store(at, total.get());
    });
  },
});

const sumAlong = (x: Tensor, output: Tensor, { length, outer, inner, backwards }: Lines & { backwards: 0 | 1 }) => {
  runningSum.launch({ input: x, output, length, inner, backwards, items: outer * inner });
  return output;
};

const cumsumOp = defineOp<readonly [Tensor], Lines>({
  name: "cumsum",
  output: ([x]) => ({ shape: x.shape }),
  run: ({ inputs: [x], options, output }) => void sumAlong(x, output, { ...options, backwards: 0 }),
  gradient: ({ gradOutput, options }) => [
    sumAlong(gradOutput, gradOutput.empty(gradOutput.shape), { ...options, backwards: 1 }),
  ],
});

/**
 * Each element plus all before it along an axis; shaped as x.
 *
 * ```ts
 * import { createCpuDevice, cumsum, tensor } from "@dinograd/dinograd/engine";
 *
 * const device = await createCpuDevice();
 * const x = tensor(device, [1, 2, 3, 4, 5, 6], [2, 3]);
 * console.log(await cumsum(x, 1).data()); // [ 1, 3, 6, 4, 9, 15 ]
 * await device.destroy();
 * ```
 *
 * @category Reductions
 */
export const cumsum = (x: Tensor, axis: number): Tensor => cumsumOp([x], linesOf("cumsum", x.shape, axis));

/** An item is a line. */
const product = defineKernel({
  name: "prod",
  reads: { input: "f32" },
  writes: { output: "f32" },
  sizes: ["length", "inner"],
  body: (m, { item, input, output, length, inner }) => {
    const element = lineAt(item, length, inner);
    const total = m.variable(m.float(1));
    m.loop(length, (place) => total.set(total.get().mul(input.load(element(place)))));
    output.store(item, total.get());
  },
});

/**
 * An item is a line. The derivative by an element is the product of all others, which is that of all before it, times that
 * of all behind it: right also where an element is 0.
 */
const productGradient = defineKernel({
  name: "prod_gradient",
  reads: { input: "f32", gradOutput: "f32" },
  updates: { gradient: "f32" },
  sizes: ["length", "inner"],
  body: (m, { item, input, gradOutput, gradient, length, inner }) => {
    const element = lineAt(item, length, inner);
    const before = m.variable(gradOutput.load(item));
    m.loop(length, (place) => {
      const at = element(place);
      gradient.store(at, before.get());
      before.set(before.get().mul(input.load(at)));
    });
    const behind = m.variable(m.float(1));
    m.loop(length, (step) => {
      const at = element(length.sub(1).sub(step));
      gradient.store(at, gradient.load(at).mul(behind.get()));
      behind.set(behind.get().mul(input.load(at)));
    });
  },
});

/** The product along an axis, which stays with size 1. */
export const productAlong = defineOp<readonly [Tensor], Lines, { x: Tensor }>({
  name: "prod",
  output: ([x], { axis }) => ({ shape: x.shape.with(axis, 1) }),
  run: ({ inputs: [input], options: { length, inner }, output }) =>
    product.launch({ input, output, length, inner, items: output.size }),
  save: ({ inputs: [x] }) => ({ x }),
  gradient: ({ gradOutput, saved: { x }, options: { length, inner } }) => {
    const gradient = x.empty(x.shape);
    productGradient.launch({ input: x, gradOutput, gradient, length, inner, items: gradOutput.size });
    return [gradient];
  },
});
