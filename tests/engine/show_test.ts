/** What people see of a tensor in a console and in a notebook. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { inspect } from "node:util";
import type { Device } from "../../engine/device/device.ts";
import { DryDevice } from "../../engine/device/dry.ts";
import { ReferenceDevice } from "../../engine/device/reference.ts";
import { Linear } from "../../engine/nn/linear.ts";
import { BufferTensor, Parameter } from "../../engine/parameter.ts";
import { RandomStream } from "../../engine/random.ts";
import { scope } from "../../engine/scope.ts";
import { full, type Tensor, tensor, zeros } from "../../engine/tensor.ts";
import { deviceTest } from "../helpers/devices.ts";

const valuesOf = (x: Tensor) => `${x}`.split("\n").slice(1).join("\n");
const count = (device: Device, length: number, shape = [length]) =>
  tensor(device, Float32Array.from({ length }, (_, i) => i), shape);

deviceTest(
  "a console shows shape, type, device and values of a tensor, aligned, in one notation",
  ({ cpu: [device] }) => {
    using _ = scope();
    assertEquals(`${tensor(device, [1, -2, 3])}`, "Tensor f32 [3] on cpu: [1, -2, 3]");
    assertEquals(`${tensor(device, Int32Array.of(7), [])}`, "Tensor i32 [] on cpu: 7");
    assertEquals(`${zeros(device, [0, 3])}`, "Tensor f32 [0, 3] on cpu\n[]");
    assertEquals(
      `${tensor(device, [0.5, -12.25, 3, 1 / 3], [2, 2])}`,
      "Tensor f32 [2, 2] on cpu\n[[  0.5000, -12.2500],\n [  3.0000,   0.3333]]",
    );
    assertEquals(
      valuesOf(tensor(device, [0.5, 1.25, NaN, -Infinity], [2, 2])),
      "[[     0.50,      1.25],\n [      NaN, -Infinity]]",
    );
    assertEquals(`${tensor(device, [1e-9, 3])}`, "Tensor f32 [2] on cpu: [1.0000e-9, 3.0000e+0]");
    assertEquals(`${tensor(device, [2.5e6, 0.5])}`, "Tensor f32 [2] on cpu: [2.5000e+6, 5.0000e-1]");
    assertEquals(
      valuesOf(count(device, 12, [2, 2, 3])),
      "[[[ 0,  1,  2],\n  [ 3,  4,  5]],\n\n [[ 6,  7,  8],\n  [ 9, 10, 11]]]",
    );
  },
);

deviceTest("long rows are broken, and of many values those at the edges are shown", ({ cpu: [device] }) => {
  using _ = scope();
  const lines = valuesOf(count(device, 100)).split("\n");
  assert(lines.every((line) => line.length <= 80) && lines.length === 5, lines.join("\n"));
  assert(lines.slice(1).every((line) => line.startsWith(" ")));
  assertEquals(valuesOf(count(device, 2000)), "[   0,    1,    2, …, 1997, 1998, 1999]");
  assertEquals(
    valuesOf(count(device, 8 * 200, [8, 200])),
    [
      "[[   0,    1,    2, …,  197,  198,  199],",
      " [ 200,  201,  202, …,  397,  398,  399],",
      " [ 400,  401,  402, …,  597,  598,  599],",
      " …,",
      " [1000, 1001, 1002, …, 1197, 1198, 1199],",
      " [1200, 1201, 1202, …, 1397, 1398, 1399],",
      " [1400, 1401, 1402, …, 1597, 1598, 1599]]",
    ].join("\n"),
  );
});

deviceTest(
  "Deno's and Node's inspection show the same; within other things a tensor is one line",
  ({ cpu: [device] }) => {
    using _ = scope();
    const x = tensor(device, [1, 2, 3, 4], [2, 2]);
    for (
      const show of [(value: unknown) => Deno.inspect(value, { colors: false }), (value: unknown) => inspect(value)]
    ) {
      assertEquals(show(x), `${x}`);
      assertEquals(
        show({ x, short: tensor(device, [1]) }),
        "{ x: Tensor f32 [2, 2] on cpu, short: Tensor f32 [1] on cpu: [1] }",
      );
    }
    const layer = new Linear({ device, random: RandomStream.named(1, "x") }, {
      inFeatures: 3,
      outFeatures: 2,
      bias: false,
    });
    assertStringIncludes(Deno.inspect(layer), "weight: Parameter f32 [2, 3] on cpu");
    const buffer = new BufferTensor({ device }, [1], Int32Array.of(3));
    assertEquals(`${buffer}`, "BufferTensor i32 [1] on cpu: [3]");
    buffer.dispose();
    layer.dispose();
  },
);

deviceTest("where values are not at hand, or there are none, that is said instead", async ({ webgpu, reference }) => {
  const scopeOfTest = scope();
  assertEquals(`${tensor(reference, [0.1])}`, "Tensor f32 [1] on reference: [0.1]");
  assertEquals(`${zeros(new DryDevice(), [2])}`, "Tensor f32 [2] on dry; a dry run computes no values");
  if (webgpu) {
    const x = tensor(webgpu, [1, 2]);
    assertEquals(`${x}`, "Tensor f32 [2] on webgpu; await its toArray() or data() for the values");
    const shown = await display(x);
    assertEquals(shown["text/plain"], "Tensor f32 [2] on webgpu: [1, 2]");
    assertStringIncludes(shown["text/html"], ">2</td>");
  }
  const gone = zeros(reference, [2]);
  scopeOfTest[Symbol.dispose]();
  assertEquals(`${gone}`, "Tensor f32 [2] that was disposed of");
  const device = new ReferenceDevice();
  const left = new Parameter({ device }, [2], new Float32Array(2));
  await device.destroy();
  assertEquals(`${left}`, "Parameter f32 [2] on reference, which was destroyed");
  assertEquals(await display(left), {
    "text/plain": `${left}`,
    "text/html": `<p style="font-family:monospace">${left}</p>`,
  });
  left.dispose();
});

/** What Deno's kernel of Jupyter asks a value for. */
function display(x: Tensor): Promise<Record<string, string>> {
  const shows = x as unknown as Record<symbol, () => Promise<Record<string, string>>>;
  return shows[Symbol.for("Jupyter.display")]();
}

deviceTest(
  "a notebook shows a table that is coloured by value, and a map where a table would be too large",
  async ({ cpu: [device] }) => {
    using _ = scope();
    const small = await display(tensor(device, [1, -2, 0, NaN], [2, 2]));
    assertEquals(small["text/plain"], "Tensor f32 [2, 2] on cpu\n[[  1,  -2],\n [  0, NaN]]");
    assertEquals(small["text/html"].match(/<tr>/g)?.length, 2);
    assertEquals(
      [...small["text/html"].matchAll(/background:([^;]+);[^>]*>([^<]+)</g)].map(([, colour, text]) => [text, colour]),
      [
        ["1", "rgb(250,203,158)"],
        ["-2", "rgb(90,150,230)"],
        ["0", "rgb(255,255,255)"],
        ["NaN", "#bbb"],
      ],
    );
    const large = await display(count(device, 100 * 130, [100, 130]));
    // 130 columns in parts of 3, 100 rows in parts of 2.
    assertEquals(large["text/html"].match(/<rect /g)?.length, 44 * 50);
    assertStringIncludes(large["text/html"], "0 to 12999");
    const deep = await display(full(device, [2, 3, 2, 2], 1));
    assertStringIncludes(deep["text/html"], "[2, 3, 2, 2] on cpu, the first matrix of 6");
    assertEquals(deep["text/html"].match(/<td /g)?.length, 4);
    assertStringIncludes((await display(full(device, [40, 40], NaN)))["text/html"], ">NaN</p>");
    assert(!(await display(zeros(device, [0, 3])))["text/html"].includes("<table"));
  },
);

deviceTest("toArray nests the elements by the axes, on every device", async ({ reference, cpu, webgpu }) => {
  for (const device of [reference, ...cpu, ...(webgpu ? [webgpu] : [])]) {
    using _ = scope();
    assertEquals(await count(device, 12, [2, 3, 2]).toArray(), [[[0, 1], [2, 3], [4, 5]], [[6, 7], [8, 9], [10, 11]]]);
    assertEquals(await tensor(device, Int32Array.of(3), []).toArray(), 3);
    assertEquals(await zeros(device, [2, 0]).toArray(), [[], []]);
  }
});
