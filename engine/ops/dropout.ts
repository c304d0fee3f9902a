/**
 * Dropout (Srivastava et al., JMLR 2014) and stochastic depth (Huang et al., arXiv:1603.09382). Element i survives where
 * the stream's number i is at least p, and is scaled by 1 / (1 - p). The kernel draws the numbers itself, the same ones
 * as `RandomStream` gives, so nothing is stored for the gradient but where the stream stood.
 */

import { ArgumentError } from "../errors.ts";
import type { Machine } from "../kernel/language/machine.ts";
import type { Int } from "../kernel/language/value.ts";
import { defineKernel } from "../launch/kernel.ts";
import { claimNoise } from "../noise.ts";
import { defineOp } from "../op.ts";
import type { RandomStream } from "../random.ts";
import type { Tensor } from "../tensor.ts";
import { THREEFRY_PARITY, THREEFRY_ROTATIONS } from "../threefry.ts";

/** Threefry-2x32-20 on the machine: the first word for the counter (low, high). See `threefry.ts`. */
function threefryWord(m: Machine, key: readonly [Int, Int], counter: readonly [Int, Int]): Int {
  const schedule = [key[0], key[1], m.int(THREEFRY_PARITY).xor(key[0]).xor(key[1])];
  let x = counter[0].add(schedule[0]);
  let y = counter[1].add(schedule[1]);
  for (let group = 0; group < 5; group++) {
    for (let round = 0; round < 4; round++) {
      const rotation = THREEFRY_ROTATIONS[(group % 2) * 4 + round];
      x = x.add(y);
      y = y.shiftLeft(rotation).or(y.shiftRight(32 - rotation)).xor(x);
    }
    x = x.add(schedule[(group + 1) % 3]);
    y = y.add(schedule[(group + 2) % 3]).add(group + 1);
  }
  return x;
}

/** An item is an element. */
const drop = defineKernel({
  name: "dropout",
  reads: { input: "f32" },
  writes: { output: "f32" },
  sizes: ["key0", "key1", "counterLow", "counterHigh"],
  scalars: ["probability", "scale"],
  body: (m, { item, input, output, key0, key1, counterLow, counterHigh, probability, scale }) => {
    const index = counterLow.add(item);
    // The sum has carried where it is less than a summand, as unsigned numbers; flipping the sign compares those.
    const flip = (value: Int) => value.xor(-0x80000000);
    const carry = flip(index).lt(flip(counterLow)).select(m.int(1), 0);
    const word = threefryWord(m, [key0, key1], [index, counterHigh.add(carry)]);
    const uniform = word.shiftRight(8).toFloat().mul(2 ** -24);
    const kept = input.load(item).mul(scale);
    output.store(item, uniform.lt(probability).select(m.float(0), kept));
  },
});

/**
 * Which numbers a mask is made of.
 *
 * @category Pointwise
 */
export interface DropoutNoise {
  /** The random stream's key. */
  readonly key: readonly [number, number];
  /** The count of the stream's first word that the mask is made of; each element takes one. */
  readonly counter: number;
  /** With which an element becomes 0; at least 0, less than 1. The others are divided by 1 − probability. */
  readonly probability: number;
}

/**
 * Claims the numbers of one mask.
 * @throws {ArgumentError} for a probability that is not in 0..1, 1 excluded
 */
export function dropoutNoise(stream: RandomStream, size: number, probability: number): DropoutNoise {
  if (!(probability >= 0 && probability < 1)) {
    throw new ArgumentError(`dropout: expected a probability in 0..1, less than 1, but found ${probability}`);
  }
  return { key: stream.key, counter: claimNoise(stream, size), probability };
}

/** x with the mask applied; a mask is its own gradient. Not recorded. */
export const applyDropout = (x: Tensor, noise: DropoutNoise): Tensor => dropInto(x.empty(x.shape), x, noise);

function dropInto(output: Tensor, x: Tensor, noise: DropoutNoise): Tensor {
  const { key, counter, probability } = noise;
  drop.launch({
    ...{ input: x, output, key0: key[0] | 0, key1: key[1] | 0 },
    ...{ counterLow: counter | 0, counterHigh: Math.floor(counter / 2 ** 32) | 0 },
    ...{ probability: Math.fround(probability), scale: 1 / (1 - probability) },
    items: x.size,
  });
  return output;
}

const dropoutOp = defineOp<readonly [Tensor], DropoutNoise>({
  name: "dropout",
  output: ([x]) => ({ shape: x.shape }),
  run: ({ inputs: [x], options, output }) => void dropInto(output, x, options),
  gradient: ({ gradOutput, options }) => [applyDropout(gradOutput, options)],
});

/**
 * Each element becomes 0 with the given probability, and x / (1 - probability) otherwise. Draws `x.size` numbers.
 * @throws {ArgumentError} for a probability that is not in 0..1, 1 excluded
 * @category Pointwise
 */
export const dropout = (x: Tensor, probability: number, stream: RandomStream): Tensor =>
  probability === 0 ? x : dropoutOp([x], dropoutNoise(stream, x.size, probability));

/**
 * As dropout, but whole samples: x [N, ...] with one number per sample.
 *
 * @category Pointwise
 */
export function dropPath(x: Tensor, probability: number, stream: RandomStream): Tensor {
  if (probability === 0) return x;
  const [batch] = x.shape;
  const ones = x.empty([batch, ...x.shape.slice(1).map(() => 1)]).fill(1);
  return x.mul(applyDropout(ones, dropoutNoise(stream, batch, probability)));
}
