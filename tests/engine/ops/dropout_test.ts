import { assert, assertEquals, assertThrows } from "@std/assert";
import { gradientCheckpoint } from "../../../engine/checkpointing.ts";
import { dropout, dropPath } from "../../../engine/ops/dropout.ts";
import { RandomStream } from "../../../engine/random.ts";
import { scope } from "../../../engine/scope.ts";
import { full, tensor } from "../../../engine/tensor.ts";
import { checkOp } from "../../helpers/check_op.ts";
import { deviceTest } from "../../helpers/devices.ts";

checkOp("dropout drops and scales, the same elements in the gradient", {
  inputs: [{ shape: [5, 7] }],
  run: ([x]) => dropout(x, 0.4, RandomStream.named(3, "dropout")),
});

checkOp("dropPath drops whole samples", {
  inputs: [{ shape: [6, 2, 3] }],
  run: ([x]) => dropPath(x, 0.5, RandomStream.named(3, "path")),
});

deviceTest(
  "dropout drops where the stream's numbers say so, on every device, also where the counter carries",
  async (devices) => {
    const size = 1000;
    const begin = 2 ** 32 - 300;
    const key = [0x89abcdef, 0x01234567] as const;
    const numbers = new RandomStream(key, begin);
    const expected = Array.from({ length: size }, () => numbers.uniform() < 0.25 ? 0 : Math.fround(1 / 0.75));
    for (const device of [devices.reference, ...devices.cpu, devices.webgpu]) {
      if (!device) continue;
      using _step = scope();
      const stream = new RandomStream(key, begin);
      const dropped = await dropout(full(device, [size], 1), 0.25, stream).data();
      assertEquals([...dropped].map(Math.fround), expected, device.description);
      assertEquals(stream.counter, begin + size);
    }
  },
);

deviceTest(
  "a checkpointed pass repeats its dropout for the gradient and leaves the stream where one pass does",
  async (devices) => {
    for (const device of [devices.reference, ...devices.cpu, devices.webgpu]) {
      if (!device) continue;
      const run = async (checkpointed: boolean) => {
        using _step = scope();
        const stream = RandomStream.named(5, "noise");
        const x = tensor(device, Float32Array.from({ length: 64 }, (_, i) => i / 10), [64]);
        x.requiresGrad = true;
        const pass = ([input]: readonly (typeof x)[]) =>
          dropout(dropout(input.square(), 0.5, stream).exp(), 0.3, stream);
        const y = checkpointed ? gradientCheckpoint(pass, [x]) : pass([x]);
        const before = stream.counter;
        y.log().sum(); // something else on the way
        y.mul(y).sum().backward();
        assertEquals(stream.counter, before);
        const gradient = [...await x.grad!.data()];
        x.grad!.dispose();
        return { counter: before, gradient };
      };
      const plain = await run(false);
      assertEquals(await run(true), plain, device.description);
      assert(plain.gradient.some((value) => value === 0) && plain.gradient.some((value) => value !== 0));
    }
  },
);

deviceTest("dropout refuses to drop everything", ({ reference }) => {
  using _step = scope();
  assertThrows(
    () => dropout(full(reference, [2], 1), 1, RandomStream.named(1, "all")),
    RangeError,
    "dropout: expected a probability in 0..1, less than 1, but found 1",
  );
});
