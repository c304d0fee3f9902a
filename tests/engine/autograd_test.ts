import { assert, assertEquals, assertThrows } from "@std/assert";
import { backward, withoutGradient } from "../../engine/autograd.ts";
import { ScopeError } from "../../engine/errors.ts";
import { defineOp } from "../../engine/op.ts";
import { currentScope, scope, tidy } from "../../engine/scope.ts";
import { type Tensor, tensor, zeros } from "../../engine/tensor.ts";
import { deviceTest } from "../helpers/devices.ts";

const leaf = (x: Tensor) => {
  x.requiresGrad = true;
  return x;
};

deviceTest("what a scope makes dies with it, except what is kept", ({ reference: device }) => {
  const before = device.memory.used;
  {
    using outer = scope();
    let kept: Tensor;
    {
      using inner = scope();
      zeros(device, [100]);
      kept = inner.keep(zeros(device, [10]));
      assertEquals(inner.size, 1);
    }
    assertEquals(device.memory.used - before, 40);
    assertEquals(outer.size, 1);
    assertEquals(kept.buffer.length >= 10, true);
  }
  assertEquals(device.memory.used, before);
  assertEquals(currentScope(), undefined);
});

deviceTest("a scope gives its memory back when an error leaves it", ({ reference: device }) => {
  const before = device.memory.used;
  assertThrows(() =>
    tidy(() => {
      zeros(device, [100]);
      throw new Error("on the way");
    })
  );
  assertEquals(device.memory.used, before);
});

deviceTest("a tensor that was disposed of says so when it is used", ({ reference: device }) => {
  const x = tidy(() => zeros(device, [2, 3]));
  x.dispose();
  assertThrows(() => x.add(1), Error, "tensor: expected a living tensor but [2, 3] was disposed of");
});

deviceTest(
  "scopes close innermost first, or an error says so and gives back what they own",
  ({ reference: device }) => {
    const before = device.memory.used;
    const outer = scope();
    zeros(device, [10]);
    const inner = scope();
    const x = zeros(device, [1]);
    assertThrows(() => outer[Symbol.dispose](), ScopeError, "expected scopes to close innermost first");
    assertEquals(device.memory.used, before + 4, "the inner one goes on");
    assertEquals(x.disposed, false);
    inner[Symbol.dispose]();
    outer[Symbol.dispose](); // once more does nothing
    assertEquals([device.memory.used, currentScope()], [before, undefined]);
  },
);

deviceTest("gradients add up over several passes until they are taken away", async ({ reference: device }) => {
  using _step = scope();
  const x = leaf(tensor(device, [1, 2, 3]));
  x.square().sum().backward();
  x.mul(10).sum().backward();
  assertEquals([...await x.grad!.data()], [12, 14, 16]);
  x.grad!.dispose();
});

deviceTest("paths that part and meet again bring all their gradients", async ({ reference: device }) => {
  using _step = scope();
  const x = leaf(tensor(device, [2]));
  const y = x.mul(3);
  const z = y.add(x).mul(y.sub(x)); // 9x² - x² = 8x²
  z.add(y).sum().backward();
  assertEquals([...await x.grad!.data()], [35]);
  x.grad!.dispose();
});

deviceTest("a gradient that two inputs share is not written over", async ({ reference: device }) => {
  using _step = scope();
  const [x, y] = [leaf(tensor(device, [1, 2])), leaf(tensor(device, [3, 4]))];
  const sum = x.add(y); // hands the same gradient to both
  sum.add(x).add(x).sum().backward();
  assertEquals([...await x.grad!.data()], [3, 3]);
  assertEquals([...await y.grad!.data()], [1, 1]);
  x.grad!.dispose();
  y.grad!.dispose();
});

deviceTest("backward frees what the tape had saved while it proceeds", ({ reference: device }) => {
  const before = device.memory.used;
  {
    using _step = scope();
    const x = leaf(zeros(device, [1000]));
    const loss = tidy(() => {
      let y: Tensor = x;
      for (let i = 0; i < 10; i++) y = y.exp();
      return y.sum();
    });
    const recorded = device.memory.used;
    assert(recorded - before >= 10 * 4000, "the tape holds what backward needs");
    loss.backward();
    assert(device.memory.used - before <= 3 * 4000, "only the leaf, its gradient and the loss are left");
    x.grad!.dispose();
  }
  assertEquals(device.memory.used, before);
});

deviceTest("a tape that is never walked dies with the outermost scope", ({ reference: device }) => {
  const before = device.memory.used;
  {
    using _step = scope();
    tidy(() => leaf(zeros(device, [1000])).exp().exp().sum());
  }
  assertEquals(device.memory.used, before);
});

deviceTest("a tape dies with the last tensor that it could be walked from, also within a scope that stays open", async (
  { reference: device },
) => {
  using outer = scope();
  const x = leaf(zeros(device, [1000]));
  const before = device.memory.used;
  const owned = outer.size;
  for (let step = 0; step < 3; step++) {
    using _step = scope();
    const trunk = tidy(() => x.exp().exp());
    const [loss, other] = [trunk.sum(), trunk.mul(2).sum()];
    if (step === 1) backward([loss]);
    if (step === 2) backward([loss, other]);
  }
  assertEquals(outer.size, owned, "what the scope around the loop owns");
  assertEquals(device.memory.used, before + x.grad!.size * 4);
  // exp(exp 0): one gradient of the loss, then one of the loss and two of the other.
  const each = 4 * Math.E;
  assert([...await x.grad!.data()].every((value) => Math.abs(value - each) < 1e-9));
});

deviceTest("the gradient of a leaf dies with the leaf", ({ reference: device }) => {
  const before = device.memory.used;
  {
    using _step = scope();
    leaf(zeros(device, [1000])).square().sum().backward();
  }
  assertEquals(device.memory.used, before);
});

deviceTest("a rule that throws leaves no gradient and no tape behind", ({ reference: device }) => {
  const before = device.memory.used;
  {
    using _step = scope();
    const x = leaf(zeros(device, [1000]));
    const y = x.exp();
    const broken = defineOp<readonly [Tensor]>({
      name: "broken",
      output: ([input]) => ({ shape: input.shape }),
      run: ({ output }) => void output.fill(1),
      gradient: () => {
        throw new Error("broken rule");
      },
    });
    assertThrows(() => y.exp().sum().add(broken([y]).sum()).backward(), Error, "broken rule");
  }
  assertEquals(device.memory.used, before);
});

deviceTest("backward twice over one tape is refused", ({ reference: device }) => {
  using _step = scope();
  const loss = leaf(zeros(device, [2])).exp().sum();
  loss.backward();
  assertThrows(() => loss.backward(), Error, "expected the first pass over");
});

deviceTest("nothing is recorded without gradients, and detach cuts the tape", async ({ reference: device }) => {
  using _step = scope();
  const x = leaf(tensor(device, [2]));
  assertEquals(withoutGradient(() => x.exp()).node, undefined);
  assertThrows(() => x.detach().exp().sum().backward(), Error, "nothing was recorded");
  x.mul(x.detach()).sum().backward();
  assertEquals([...await x.grad!.data()], [2]);
  x.grad!.dispose();
});

deviceTest("several roots with seeds of their own", async ({ reference: device }) => {
  using _step = scope();
  const x = leaf(tensor(device, [1, 2]));
  backward([x.mul(2), x.square()], [tensor(device, [1, 10]), tensor(device, [100, 1000])]);
  assertEquals([...await x.grad!.data()], [202, 4020]);
  x.grad!.dispose();
});

deviceTest("memory after the third step equals memory after the second", async (devices) => {
  for (const device of [...devices.cpu, devices.webgpu]) {
    if (!device) continue;
    const weight = leaf(tensor(device, Float32Array.from({ length: 64 }, (_, i) => Math.sin(i)), [8, 8]));
    const used: number[] = [];
    const reserved: number[] = [];
    for (let step = 0; step < 3; step++) {
      using _step = scope();
      const x = tensor(device, Float32Array.from({ length: 40 }, (_, i) => Math.cos(i + step)), [5, 8]);
      const loss = tidy(() => x.matmul(weight).gelu().matmul(weight).softmax().square().sum());
      loss.backward();
      await loss.item();
      weight.grad!.dispose();
      weight.grad = undefined;
      used.push(device.memory.used);
      reserved.push(device.memory.reserved);
    }
    assertEquals(used[2], used[1], device.description);
    assertEquals(reserved[2], reserved[1], device.description);
    weight.dispose();
  }
});
