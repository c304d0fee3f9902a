/** `--batch_size auto`: the largest batch for which there is room, and exactly that one again when a run continues. */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { openDataset } from "../../../detector/data/mod.ts";
import { chooseBatch, memoryNeed, RunMemory } from "../../../detector/train/run_memory.ts";
import { DinogradError } from "../../../engine/errors.ts";
import { inFolder } from "../../helpers/in_folder.ts";
import { writeTinySplit } from "../../helpers/tiny_dataset.ts";
import { TINY_CLASSES } from "../../helpers/tiny_model.ts";
import { contentIn, digestIn, runTraining, tinyTrainingConfig, tinyTrainOptions } from "../../helpers/tiny_training.ts";

const CONFIG = tinyTrainingConfig({ epochs: 1, use_ema: false, max_steps: 4, eval_every: 5 });
const OPTIONS = { device: "cpu", threads: 1, numWorkers: 0, memory: null } as const;

/** Fifty images of two sizes: at most five in a batch, so that an epoch has ten steps. */
async function writeFifty(folder: string): Promise<string> {
  const images = (first: number, count: number) =>
    Array.from({ length: count }, (_, i) => ({
      ...{ id: first + i, width: i % 2 === 0 ? 64 : 80, height: i % 2 === 0 ? 80 : 64 },
      objects: [{ category_id: 1 + i % 3, bbox: [5, 8, 30, 25] }],
    }));
  await writeTinySplit(folder, "train", { images: images(1, 50), categories: TINY_CLASSES });
  return await writeTinySplit(folder, "val", { images: images(101, 2), categories: TINY_CLASSES });
}

const withData = (body: (data: { folder: string; cocoPath: string }) => Promise<void>) =>
  inFolder(async (folder) => await body({ folder, cocoPath: await writeFifty(`${folder}/coco`) }));

async function needs(cocoPath: string): Promise<number[]> {
  const memory = new RunMemory({
    config: CONFIG,
    train: await openDataset(cocoPath, "train"),
    freeze: [],
    options: OPTIONS,
  });
  try {
    const bytes: number[] = [];
    for (const batch of [1, 2, 3, 4, 5, 6]) bytes.push(await memory.process(batch));
    return bytes;
  } finally {
    memory[Symbol.dispose]();
  }
}

Deno.test("the batch is the largest that fits, and leaves ten steps to an epoch", () =>
  withData(async ({ cocoPath }) => {
    const train = await openDataset(cocoPath, "train");
    const need = await needs(cocoPath);
    assertEquals([...need].sort((a, b) => a - b), need);
    const choose = (memory: number, changes = {}) =>
      chooseBatch({ config: { ...CONFIG, ...changes }, train, freeze: [], options: { ...OPTIONS, memory } });
    for (const batch of [1, 2, 3, 4]) {
      for (const memory of [need[batch - 1], need[batch] - 1]) {
        const { config, line } = await choose(memory);
        assertEquals(config, { ...CONFIG, batch_size: batch });
        assertMatch(line, new RegExp(`^batch_size: ${batch} \\(auto\\): .* of --memory; one more would take `));
        assertEquals(line.includes(`lr stays ${CONFIG.lr}, which was set for batches of 2`), batch !== 2);
      }
    }
    const most = await choose(1e12);
    assertEquals(most.config.batch_size, 5);
    assertMatch(most.line, /; more would leave an epoch of 50 images fewer than 10 steps; lr stays/);
    // Repeated images make an epoch longer.
    assert((await choose(1e12, { repeat_threshold: 1 })).config.batch_size > 5);
  }));

Deno.test("what a run needs is told beside what is free, and grows with threads and workers", () =>
  withData(async ({ cocoPath }) => {
    const train = await openDataset(cocoPath, "train");
    const need = (changes: Partial<typeof OPTIONS> | { threads: number; numWorkers: number } = {}) =>
      memoryNeed({ config: CONFIG, train, freeze: [], options: { ...OPTIONS, ...changes } });
    const { bytes, free, what, isAddressable } = await need();
    assertEquals(bytes, (await needs(cocoPath))[1]);
    assert(free !== null && free > 0 && isAddressable);
    assertMatch(what, /^2 images of up to \d+ x \d+ and the program$/);
    assertEquals((await need({ threads: 3, numWorkers: 2 })).bytes - bytes, (2 * 14 + 2 * 50) * 2 ** 20);
  }));

Deno.test("too little memory, and a GPU of which nobody says how much it has, are one line", () =>
  withData(async ({ cocoPath }) => {
    const train = await openDataset(cocoPath, "train");
    const choose = (options: Parameters<typeof chooseBatch>[0]["options"]) =>
      chooseBatch({ config: CONFIG, train, freeze: [], options });
    const [least] = await needs(cocoPath);
    const small = await assertRejects(() => choose({ ...OPTIONS, memory: least - 1 }), DinogradError);
    assertEquals(small.kind, "config");
    assertMatch(small.message, /^--batch_size auto: expected room for a step with 1 image of \d+ x \d+, about /);
    const gpu = await assertRejects(() => choose({ ...OPTIONS, device: "webgpu" }), DinogradError);
    assertEquals(gpu.kind, "usage");
    assertMatch(gpu.message, /expected --memory SIZE beside it .* WebGPU does not tell how much a GPU has$/);
    const told = await choose({ ...OPTIONS, device: "webgpu", memory: least });
    assert(!told.line.includes("the program"));
  }));

Deno.test("a run records the batch that was chosen, and continues with it whatever memory there is then", () =>
  withData(async ({ folder, cocoPath }) => {
    const need = await needs(cocoPath);
    const run = (name: string, changes: Parameters<typeof tinyTrainOptions>[1], stopAfter?: number) => {
      const required = { outputDir: `${folder}/${name}`, cocoPath, config: CONFIG };
      return runTraining(tinyTrainOptions(required, { batchFromMemory: true, memory: need[2], ...changes }), {
        stopAfter,
      });
    };
    const straight = await run("straight", {});
    assert(straight.ui.lines.some((line) => line.startsWith("batch_size: 3 (auto)")));
    await run("resumed", {}, 2);
    const { ui } = await run("resumed", { resume: "auto", memory: need[0] });
    assert(ui.lines.includes("batch_size: 3, as recorded: auto chooses where a run begins"), ui.lines.join("\n"));
    assertEquals(ui.warnings.filter((line) => line.includes("batch_size")), []);
    assertEquals(await digestIn(`${folder}/resumed`), await digestIn(`${folder}/straight`));
    const { state } = await contentIn(`${folder}/resumed`);
    assert(JSON.stringify(state).includes('"batch_size":3'));
    // The same as if it had been given.
    await run("given", { batchFromMemory: false, config: { ...CONFIG, batch_size: 3 } });
    assertEquals(await digestIn(`${folder}/given`), await digestIn(`${folder}/straight`));
  }));
