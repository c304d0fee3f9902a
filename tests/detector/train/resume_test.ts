/**
 * The promise of this project: a run that is stopped and resumed, at every step and in different circumstances, is the
 * same run. "Straight = resumed ≠ cold start": the third part shows that the comparison can fail.
 */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import type { DinoConfig, TrainOptions } from "../../../detector/config/mod.ts";
import { StateReader } from "../../../detector/train/records/bundle_state.ts";
import { train } from "../../../detector/train/trainer.ts";
import { inFolder } from "../../helpers/in_folder.ts";
import {
  contentIn,
  digestIn,
  runTraining,
  TestUi,
  tinyTrainingConfig,
  tinyTrainOptions,
  writeTinyCoco,
} from "../../helpers/tiny_training.ts";
import { pollGently } from "../../helpers/webgpu.ts";

const STEPS = 6; // two epochs of three

/** Trains to the end in one go, and again stopped after every single step. Returns both digests. */
async function straightAndStopped(
  config: DinoConfig,
  { circumstances, changes = {} }: {
    /** What the run has in its first, second, third … part. */
    readonly circumstances: readonly Partial<TrainOptions>[];
    readonly changes?: Partial<TrainOptions>;
  },
): Promise<{ straight: string; resumed: string; parts: number }> {
  return await inFolder(async (root) => {
    const cocoPath = await writeTinyCoco(`${root}/coco`);
    const run = (outputDir: string, more: Partial<TrainOptions> = {}) =>
      tinyTrainOptions({ outputDir, cocoPath, config }, { ...changes, ...more });
    await runTraining(run(`${root}/straight`));
    let parts = 0;
    for (let finished = false; !finished; parts++) {
      const resume = parts === 0 ? null : "auto";
      const part = circumstances[parts % circumstances.length];
      const { result, ui } = await runTraining(run(`${root}/stopped`, { resume, strictResume: true, ...part }), {
        stopAfter: 1,
      });
      assertEquals(ui.warnings, []);
      finished = result.finished;
    }
    return { straight: await digestIn(`${root}/straight`), resumed: await digestIn(`${root}/stopped`), parts };
  });
}

const CIRCUMSTANCES: readonly Partial<TrainOptions>[] = [
  { threads: 1, numWorkers: 0 },
  { threads: 2, numWorkers: 1 },
  { threads: 1, numWorkers: 4 },
];

Deno.test("a run with dropout and a moving average that stops after every step, on other threads and workers each time, ends with the bits of the straight run", async () => {
  const { straight, resumed, parts } = await straightAndStopped(tinyTrainingConfig(), { circumstances: CIRCUMSTANCES });
  assertEquals(parts, STEPS + 1);
  assertEquals(resumed, straight);
});

Deno.test("so does one with OneCycleLR, SGD and gradient checkpointing", async () => {
  const config = tinyTrainingConfig({ onecyclelr: true, optimizer: "sgd", use_checkpoint: true });
  const { straight, resumed } = await straightAndStopped(config, { circumstances: CIRCUMSTANCES });
  assertEquals(resumed, straight);
});

Deno.test("so does one on WebGPU", async () => {
  pollGently();
  const { straight, resumed } = await straightAndStopped(tinyTrainingConfig(), {
    circumstances: [{ numWorkers: 0 }, { numWorkers: 1 }],
    changes: { device: "webgpu" },
  });
  assertEquals(resumed, straight);
});

/** Asks to stop as soon as something of which the label begins so shows progress. */
class StoppingUi extends TestUi {
  readonly #asked = new AbortController();
  override readonly stop = this.#asked.signal;
  constructor(readonly label: string) {
    super();
  }
  override progress(label: string) {
    return { update: () => label.startsWith(this.label) && this.#asked.abort(), finish() {} };
  }
}

Deno.test("a run that is stopped in the middle of an evaluation, of the weights or of the average, makes it again and ends with the same bits", () =>
  inFolder(async (root) => {
    const cocoPath = await writeTinyCoco(`${root}/coco`);
    const config = tinyTrainingConfig();
    const run = (outputDir: string, resume: string | null = null) =>
      tinyTrainOptions({ outputDir, cocoPath, config }, { resume, strictResume: true });
    await runTraining(run(`${root}/straight`));
    for (const label of ["evaluate epoch 0", "evaluate the average of epoch 1"]) {
      const folder = `${root}/${label}`;
      const { finished, epoch } = await train(run(folder), new StoppingUi(label));
      assertEquals([finished, epoch], [false, Number(label.at(-1))]);
      const state = new StateReader((await contentIn(folder)).state, folder);
      assertEquals([state.get("phase").value, state.get("history").list().length], ["evaluate", epoch]);
      const { result } = await runTraining(run(folder, "auto"));
      assert(result.finished);
      assertEquals(await digestIn(folder), await digestIn(`${root}/straight`));
      const log = (await Deno.readTextFile(`${folder}/log.txt`)).trimEnd().split("\n");
      assertEquals(log.map((line) => JSON.parse(line).epoch), [0, 1]);
    }
  }));

Deno.test("a run that is asked to stop before its first step makes one, saves it and continues from there", () =>
  inFolder(async (root) => {
    const cocoPath = await writeTinyCoco(`${root}/coco`);
    const options = tinyTrainOptions({ outputDir: `${root}/run`, cocoPath, config: tinyTrainingConfig() });
    const stopped = Object.assign(new TestUi(), { stop: AbortSignal.abort() });
    const bundle = `${root}/run/checkpoint.dino`;
    assertEquals(await train(options, stopped), { epoch: 0, step: 1, finished: false, endedEarly: false, bundle });
    const { result } = await runTraining({ ...options, resume: "auto", strictResume: true }, { stopAfter: 1 });
    assertEquals(result, { epoch: 0, step: 2, finished: false, endedEarly: false, bundle });
  }));

Deno.test("a run that starts again from the weights of the middle alone ends elsewhere", () =>
  inFolder(async (root) => {
    const cocoPath = await writeTinyCoco(`${root}/coco`);
    const config = tinyTrainingConfig();
    const run = (outputDir: string, changes: Partial<TrainOptions> = {}) =>
      tinyTrainOptions({ outputDir, cocoPath, config }, changes);
    await runTraining(run(`${root}/straight`));
    const { result } = await runTraining(run(`${root}/half`), { stopAfter: STEPS / 2 });
    assert(!result.finished);
    await runTraining(run(`${root}/cold`, { pretrainModelPath: `${root}/half/checkpoint.dino` }));
    assertNotEquals(await digestIn(`${root}/cold`), await digestIn(`${root}/straight`));
  }));

Deno.test("the digest tells runs of different seeds apart", () =>
  inFolder(async (root) => {
    const cocoPath = await writeTinyCoco(`${root}/coco`);
    const config = tinyTrainingConfig({ epochs: 1 });
    for (const seed of [5, 6]) {
      await runTraining(tinyTrainOptions({ outputDir: `${root}/${seed}`, cocoPath, config }, { seed }));
    }
    assertNotEquals(await digestIn(`${root}/5`), await digestIn(`${root}/6`));
  }));
