/** Tensors, states and folders for the tests of checkpoints. */
import type { BundleContent, StateValue, StoredDType, StoredTensor } from "../../checkpoint/mod.ts";
import { bytesPerElement, elementCount, STORED_DTYPES } from "../../checkpoint/stored_tensor.ts";
import { RandomStream } from "../../engine/random.ts";

/** A tensor of random bytes (any bit pattern is a value; a bool is 0 or 1). */
export function randomTensor(dtype: StoredDType, shape: readonly number[], name = "tensor"): StoredTensor {
  const words = RandomStream.named(7, name).words(new Uint32Array(elementCount(shape) * bytesPerElement(dtype)));
  return { dtype, shape, data: Uint8Array.from(words, (word) => word & (dtype === "bool" ? 1 : 255)) };
}

/** Weights as a trained model has them: normal with a small deviation, so that exponents repeat and mantissas do not. */
export function weights(shape: readonly number[], name = "weights", deviation = 0.02): StoredTensor {
  const random = RandomStream.named(11, name);
  const values = random.normals(new Float32Array(elementCount(shape)), deviation);
  return { dtype: "f32", shape, data: new Uint8Array(values.buffer) };
}

/** One tensor of every dtype, empty and 0-d ones, and names that are hard on careless code. */
export function awkwardTensors(): Map<string, StoredTensor> {
  const tensors = new Map<string, StoredTensor>();
  for (const dtype of STORED_DTYPES) {
    tensors.set(`every/${dtype}`, randomTensor(dtype, [3, 5], dtype));
    tensors.set(`scalar/${dtype}`, randomTensor(dtype, [], dtype));
    tensors.set(`empty/${dtype}`, randomTensor(dtype, [2, 0, 3]));
  }
  for (
    const name of [
      "",
      "__proto__",
      "constructor",
      "模型/重み",
      "модель",
      "a\u0000b",
      "\ufeffbom",
      "🃏/♠",
      "a/../b",
      "name with space",
    ]
  ) {
    tensors.set(name, randomTensor("i16", [7], name));
  }
  return tensors;
}

/** A small state with every kind of value. */
export function smallState(): StateValue {
  return { epoch: 3, step: 1234, lr: 1e-4, best: null, done: false, names: ["ace", "♠"], key: Uint8Array.of(1, 2, 3) };
}

/** A bundle of a few hundred bytes. */
export function smallContent(marker = 0): BundleContent {
  return {
    tensors: new Map([
      ["model/weight", randomTensor("f32", [4, 3], `weight ${marker}`)],
      ["model/steps", { dtype: "i64", shape: [], data: new Uint8Array(BigInt64Array.of(BigInt(marker)).buffer) }],
    ]),
    state: { marker },
  };
}
