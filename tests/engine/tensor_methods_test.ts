/** Every method of a tensor is the function of its name, and tensors are made of nested lists. */
import { assertEquals, assertThrows } from "@std/assert";
import { ReferenceDevice } from "../../engine/device/reference.ts";
import * as ops from "../../engine/ops/mod.ts";
import { scope } from "../../engine/scope.ts";
import { type Tensor, tensor } from "../../engine/tensor.ts";
import { TensorMethods } from "../../engine/tensor_methods.ts";

const device = new ReferenceDevice();
const [x, y] = [tensor(device, [[1, 2, 3], [6, 5, 4]]), tensor(device, [[0.5, 2, -1], [1, 0, 7]])];
const mask = tensor(device, [[1, 0, 1], [0, 0, 1]]);
const indices = tensor(device, Int32Array.of(2, 0, 1, 1), [2, 2]);

/** Calls as a method and as a function, by the method's name. */
const calls: Readonly<Record<string, readonly [Tensor | Tensor[], Tensor | Tensor[]]>> = {
  ...Object.fromEntries(
    [
      ...[
        "neg",
        "exp",
        "log",
        "sqrt",
        "square",
        "abs",
        "relu",
        "gelu",
        "sigmoid",
        "tanh",
        "reciprocal",
        "rsqrt",
      ] as const,
      ...["sin", "cos", "floor", "ceil", "round", "sign", "bool", "softmax", "logSoftmax", "sort", "argsort"] as const,
      ...["sum", "mean", "prod", "max", "min", "std", "norm", "logSumExp", "argmax", "argmin", "transpose"] as const,
      ...["squeeze", "flip"] as const,
    ].map((name) => [name, [y[name](), ops[name](y)]]),
  ),
  ...Object.fromEntries(
    (["add", "sub", "mul", "div", "pow", "maximum", "minimum", "eq", "ne", "lt", "le", "gt", "ge"] as const)
      .map((name) => [name, [x[name](y), ops[name](x, y)]]),
  ),
  clamp: [x.clamp(2, 4), ops.clamp(x, 2, 4)],
  maskedFill: [x.maskedFill(mask, 9), ops.maskedFill(x, mask, 9)],
  cast: [x.cast("i32"), ops.cast(x, "i32")],
  var: [x.var(1, { correction: 0, keepDims: true }), ops.variance(x, 1, { correction: 0, keepDims: true })],
  cumsum: [x.cumsum(1), ops.cumsum(x, 1)],
  gather: [x.gather(1, indices), ops.gather(x, 1, indices)],
  matmul: [x.matmul(y.transpose()), ops.matmul(x, ops.transpose(y))],
  reshape: [x.reshape([3, -1]), ops.reshape(x, [3, 2])],
  permute: [x.permute([1, 0]), ops.permute(x, [1, 0])],
  slice: [x.slice(1, -1, undefined, { step: -2 }), ops.slice(x, 1, -1, undefined, { step: -2 })],
  concat: [x.concat([y, y], 1), ops.concat([x, y, y], 1)],
  at: [x.at(1, -1), ops.at(x, 1, -1)],
  unsqueeze: [x.unsqueeze(1), ops.unsqueeze(x, 1)],
  tile: [x.tile([2, 1]), ops.tile(x, [2, 1])],
  broadcastTo: [x.broadcastTo([2, 2, 3]), ops.broadcastTo(x, [2, 2, 3])],
  split: [x.split([1, 2], 1), ops.split(x, [1, 2], 1)],
};

Deno.test("every method is the function of its name", async () => {
  const methods = Object.getOwnPropertyNames(TensorMethods.prototype).filter((name) => name !== "constructor");
  assertEquals(Object.keys(calls).sort(), methods.sort());
  const shown = async (result: Tensor | Tensor[]) =>
    await Promise.all([result].flat().map(async (each) => [each.dtype, each.shape, await each.toArray()]));
  for (const [name, [method, ofFunction]] of Object.entries(calls)) {
    assertEquals(await shown(method), await shown(ofFunction), name);
  }
});

Deno.test("what methods take beside the tensor is handed on", async () => {
  assertEquals(await x.max(1).toArray(), [3, 6]);
  assertEquals(await x.min([0, 1], { keepDims: true }).toArray(), [[1]]);
  assertEquals(await x.sum(0, { keepDims: true }).toArray(), [[7, 7, 7]]);
  assertEquals(await x.argmax(0).toArray(), [1, 1, 1]);
  assertEquals(await x.sort(1, { descending: true }).toArray(), [[3, 2, 1], [6, 5, 4]]);
  assertEquals(await x.argsort(0).toArray(), [[0, 0, 0], [1, 1, 1]]);
  assertEquals(await x.norm(1, { order: 1 }).toArray(), [6, 15]);
  assertEquals(await x.softmax(0).sum(0).round().toArray(), [1, 1, 1]);
  assertEquals(await x.flip(0).at(0, 0).toArray(), [6, 5, 4]);
  assertEquals(await x.gt(2).mean().item(), 4 / 6);
  assertEquals(x.transpose(0, 1).unsqueeze(0).squeeze(0).shape, [3, 2]);
});

Deno.test("lists within lists give a tensor its shape", async () => {
  using _step = scope();
  const deep = tensor(device, [[[1, 2]], [[3, 4]], [[5, 6]]]);
  assertEquals([deep.shape, await deep.toArray()], [[3, 1, 2], [[[1, 2]], [[3, 4]], [[5, 6]]]]);
  assertEquals(tensor(device, [[], []]).shape, [2, 0]);
  assertEquals(tensor(device, [[1, 2], [3, 4]], [4]).shape, [4]);
  const cases: [() => unknown, string][] = [
    [() => tensor(device, [[1, 2], [3]]), "tensor: expected a list of 2, as before it, but found a list of 1"],
    [() => tensor(device, [[1, 2], 3]), "tensor: expected a list of 2, as before it, but found a number"],
    [() => tensor(device, [1, [2, 3]]), "tensor: expected a number, as before it, but found a list of 2"],
    [() => tensor(device, [[1, 2]], [3]), "tensor: expected 3 elements for [3] but found 2"],
  ];
  for (const [run, message] of cases) assertThrows(run, RangeError, message);
  // A program without types may pass anything.
  assertThrows(() => tensor(device, [["a"]] as unknown as number[][]), TypeError, "tensor: expected numbers");
});
