/** Short versions of the examples that train: what they learn shows already after some seconds. */
import { assert, assertEquals } from "@std/assert";
import { createCpuDevice } from "../../engine/device/wasm/device.ts";
import { RandomStream } from "../../engine/random.ts";
import { buildCnn } from "../../examples/digits_cnn.ts";
import { drawDigits } from "../../examples/digits.ts";
import { buildMlp, learnDigits } from "../../examples/digits_mlp.ts";
import { learnText, write } from "../../examples/tiny_gpt.ts";

Deno.test("both models learn to read digits: guessing would be right one time in ten", async () => {
  const device = await createCpuDevice({ threads: 1 });
  for (const [build, steps, least] of [[buildMlp, 120, 0.6], [buildCnn, 80, 0.6]] as const) {
    const lines: string[] = [];
    const model = build(device);
    const accuracy = await learnDigits(device, model, { steps, batchSize: 32, say: (line) => lines.push(line) });
    assert(accuracy > least, `${accuracy}: ${lines.join("; ")}: expected more than ${least}`);
    assert(/^step 0: loss 2\.\d{3}$/.test(lines[0]) && /^\d\d\.\d of 100 new digits/.test(lines.at(-1)!), lines.join());
    model.dispose();
  }
  assertEquals(device.memory.used, 0);
  await device.destroy();
});

Deno.test("a tiny GPT learns how a text goes on, and writes in its letters", async () => {
  const device = await createCpuDevice({ threads: 1 });
  const lines: string[] = [];
  const { model, loss } = await learnText(device, { steps: 40, say: (line) => lines.push(line) });
  assert(loss < 2.1, `expected a loss well below 3.18, which is guessing, but found ${loss}`);
  const text = await write(model, device, { start: "the ", length: 20 });
  assert(/^the [a-z ,.\n]{20}$/.test(text), text);
  model.dispose();
  assertEquals(device.memory.used, 0);
  await device.destroy();
});

Deno.test("equal streams draw equal digits, every digit and no pixel that is no number", () => {
  const draw = () => drawDigits(200, RandomStream.named(3, "test"));
  const { images, labels } = draw();
  assertEquals(draw(), { images, labels });
  assertEquals([...new Set(labels)].sort(), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  assert(images.every(Number.isFinite));
});
