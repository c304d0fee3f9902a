/**
 * Dropout (Srivastava et al., JMLR 2014) and stochastic depth (Huang et al., arXiv:1603.09382). Element i survives where
 * the stream's number i is at least p, and is scaled by 1 / (1 - p). The kernel draws the numbers itself, the same ones
 * as `RandomStream` gives, so nothing is stored for the gradient but where the stream stood.
 */

import type { Machine, Value } from "../kernel/language/machine.ts";
import type { IndexedKernel } from "../kernel/language/recipes.ts";
import { claimNoise } from "../noise.ts";
import { defineOp } from "../op.ts";
import type { RandomStream } from "../random.ts";
import type { Tensor } from "../tensor.ts";
import { THREEFRY_PARITY, THREEFRY_ROTATIONS } from "../threefry.ts";

/** Threefry-2x32-20 on the machine: the first word for the counter (low, high). See `threefry.ts`. */
function threefryWord(m: Machine, key: readonly [Value, Value], counter: readonly [Value, Value]): Value {
  const schedule = [
    key[0],
    key[1],
    m.integer("xor", m.integer("xor", m.int(THREEFRY_PARITY), key[0]), key[1]),
  ];
  let x = m.add(counter[0], schedule[0]);
  let y = m.add(counter[1], schedule[1]);
  for (let group = 0; group < 5; group++) {
    for (let round = 0; round < 4; round++) {
      const rotation = THREEFRY_ROTATIONS[(group % 2) * 4 + round];
      x = m.add(x, y);
      const left = m.integer("shl", y, m.int(rotation));
      y = m.integer("xor", m.integer("or", left, m.integer("shrU", y, m.int(32 - rotation))), x);
    }
    x = m.add(x, schedule[(group + 1) % 3]);
    y = m.add(m.add(y, schedule[(group + 2) % 3]), m.int(group + 1));
  }
  return x;
}

/** An item is an element. */
const kernel: IndexedKernel = {
  kind: "indexed",
  name: "dropout",
  buffers: [{ name: "input", dtype: "f32", access: "read" }, { name: "output", dtype: "f32", access: "write" }],
  sizes: ["key0", "key1", "counterLow", "counterHigh"],
  scalars: ["probability", "scale"],
  lanes: 1,
  body: (m, item, { buffers: [input, output], sizes: [key0, key1, low, high], scalars: [probability, scale] }) => {
    const index = m.add(low, item);
    // The sum has carried where it is less than a summand, as unsigned numbers; flipping the sign compares those.
    const flip = (value: Value) => m.integer("xor", value, m.int(-0x80000000));
    const carry = m.select(m.lt(flip(index), flip(low)), m.int(1), m.int(0));
    const word = threefryWord(m, [key0, key1], [index, m.add(high, carry)]);
    const uniform = m.mul(m.toFloat(m.integer("shrU", word, m.int(8))), m.float(2 ** -24));
    const kept = m.mul(m.load(input, item), scale);
    m.store(output, item, m.select(m.lt(uniform, probability), m.float(0), kept));
  },
};

/** Which numbers a mask is made of. */
export interface DropoutNoise {
  /** The random stream's key. */
  readonly key: readonly [number, number];
  /** The count of the stream's first word that the mask is made of; each element takes one. */
  readonly counter: number;
  /** With which an element becomes 0; at least 0, less than 1. The others are divided by 1 − probability. */
  readonly probability: number;
}

/** Claims the numbers of one mask. */
export function dropoutNoise(stream: RandomStream, size: number, probability: number): DropoutNoise {
  if (!(probability >= 0 && probability < 1)) {
    throw new RangeError(`dropout: expected a probability in 0..1, less than 1, but found ${probability}`);
  }
  return { key: stream.key, counter: claimNoise(stream, size), probability };
}

/** x with the mask applied; a mask is its own gradient. Not recorded. */
export const applyDropout = (x: Tensor, noise: DropoutNoise): Tensor => dropInto(x.empty(x.shape), x, noise);

function dropInto(output: Tensor, x: Tensor, noise: DropoutNoise): Tensor {
  const { key, counter, probability } = noise;
  x.device.indexed({
    kernel,
    buffers: [x.buffer, output.buffer],
    sizes: [key[0] | 0, key[1] | 0, counter | 0, Math.floor(counter / 2 ** 32) | 0],
    scalars: [Math.fround(probability), 1 / (1 - probability)],
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

/** Each element becomes 0 with the given probability, and x / (1 - probability) otherwise. Draws `x.size` numbers. */
export const dropout = (x: Tensor, probability: number, stream: RandomStream): Tensor =>
  probability === 0 ? x : dropoutOp([x], dropoutNoise(stream, x.size, probability));

/** As dropout, but whole samples: x [N, ...] with one number per sample. */
export function dropPath(x: Tensor, probability: number, stream: RandomStream): Tensor {
  if (probability === 0) return x;
  const [batch] = x.shape;
  const ones = x.empty([batch, ...x.shape.slice(1).map(() => 1)]).fill(1);
  return x.mul(applyDropout(ones, dropoutNoise(stream, batch, probability)));
}
