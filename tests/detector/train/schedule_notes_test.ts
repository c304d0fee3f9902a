/** Settings that say nothing about a run of this length are told at its start, and the rates are as the notes say. */
import { assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { examine } from "../../../commands/doctor.ts";
import {
  defaultConfig,
  type DinoConfig,
  formatJsonConfig,
  type OptimizerConfig,
} from "../../../detector/config/mod.ts";
import { planRates } from "../../../detector/train/learning_rates.ts";
import { scheduleNotes } from "../../../detector/train/schedule_notes.ts";
import { DinogradError } from "../../../engine/errors.ts";
import { inFolder } from "../../helpers/in_folder.ts";
import {
  runTraining,
  TestUi,
  tinyTrainingConfig,
  tinyTrainOptions,
  writeTinyCoco,
} from "../../helpers/tiny_training.ts";

const STEPS_PER_EPOCH = 10;

const notesOf = (changes: Partial<OptimizerConfig>) =>
  scheduleNotes({ ...defaultConfig(), ...changes }, { stepsPerEpoch: STEPS_PER_EPOCH });

/** The learning rate at every step of a run, as a share of the configured one. */
function ratesOf(changes: Partial<OptimizerConfig>): number[] {
  const config = { ...defaultConfig(), lr: 1, ...changes };
  const plan = planRates(config, { initialRates: [1], stepsPerEpoch: STEPS_PER_EPOCH });
  return Array.from({ length: plan.totalSteps }, (_, step) => {
    const epoch = Math.floor(step / STEPS_PER_EPOCH);
    return plan.at({ epoch, step, samples: 0, phase: "train" }).learningRates[0];
  });
}

Deno.test("a schedule that fits its run is not remarked on", () => {
  const fitting: Partial<OptimizerConfig>[] = [
    {}, // the official one: falls for the last of twelve epochs
    { warmup_steps: 100, max_steps: 115 },
    { multi_step_lr: true, lr_drop_list: [5, 11] },
    { lr_drop_fraction: 0.83 },
    { onecyclelr: true, warmup_steps: 5, lr_drop: 99 },
    { use_ema: true, ema_epoch: 11 },
  ];
  for (const changes of fitting) assertEquals(notesOf(changes), []);
  assertEquals(notesOf({ epochs: 0 }), []);
});

Deno.test("patience for more evaluations than the run has is told", () => {
  assertEquals(notesOf({ patience: 11 }), []);
  assertEquals(notesOf({ patience: 12 }), ["patience=12 never ends the run, which has 12 evaluations"]);
  assertEquals(notesOf({ patience: 3, eval_every: 5 }), ["patience=3 never ends the run, which has 3 evaluations"]);
  assertEquals(notesOf({ patience: 2, max_steps: 15, lr_drop: 1 }), [
    "patience=2 never ends the run, which has 2 evaluations",
  ]);
});

Deno.test("a warm-up that does not end within the run is told with what the learning rate comes to", () => {
  const long = { warmup_steps: 400 };
  assertEquals(notesOf(long), [
    "warmup_steps=400: the run has only 120 steps, so the learning rate rises to its end and comes to 30 % of what is configured",
  ]);
  assertEquals(Math.max(...ratesOf({ ...long, lr_drop: 99 })), 0.3);
  assertMatch(notesOf({ warmup_steps: 120 })[0], /comes to 100 %/);
  assertEquals(notesOf({ warmup_steps: 119 }), [
    "warmup_steps=119: the learning rate falls at step 110, before the warm-up is over",
  ]);
});

Deno.test("a learning rate that never falls is told, and one that has fallen at the start", () => {
  const never: Partial<OptimizerConfig>[] = [
    { lr_drop: 12 },
    { lr_drop: 11, epochs: 5 },
    { lr_drop: 11, max_steps: 110 },
    { multi_step_lr: true, lr_drop_list: [33, 45] },
    { lr_drop_fraction: 1 },
  ];
  for (const changes of never) {
    assertMatch(notesOf(changes).join(), /^lr_drop[^:]*: the learning rate never falls, for the run ends after \d+/);
    assertEquals(new Set(ratesOf(changes)), new Set([1]));
  }
  for (const changes of [{ lr_drop_fraction: 0 }, { multi_step_lr: true, lr_drop_list: [0, 5] }]) {
    assertMatch(notesOf(changes).join(), /: the learning rate is a tenth of what is configured from the first step on/);
    assertEquals(Math.max(...ratesOf(changes)), 0.1);
  }
  assertEquals(notesOf({ multi_step_lr: true, lr_drop_list: [5, 33, 45] }), [
    "lr_drop_list=[5, 33, 45]: 2 of 3 falls of the learning rate are never reached, for the run ends after 12 epochs and 120 steps",
  ]);
});

Deno.test("an end by steps that is never reached and an average that never begins are told", () => {
  assertEquals(notesOf({ max_steps: 121 }), ["max_steps=121 is never reached: 12 epochs have 120 steps"]);
  assertEquals(notesOf({ use_ema: true, ema_epoch: 12 }), [
    "ema_epoch=12: the average never begins, for the run ends after 12 epochs",
  ]);
});

/** Runs the test with a data set of six training images. */
async function withRun(
  test: (setup: {
    start(changes: Partial<DinoConfig>, dryRun: boolean): Promise<readonly string[]>;
    doctor(changes: Partial<DinoConfig>): Promise<{ code: number; odd: string[]; wrong: string[] }>;
  }) => Promise<void>,
): Promise<void> {
  await inFolder(async (folder) => {
    const cocoPath = await writeTinyCoco(`${folder}/coco`);
    await test({
      async start(changes, dryRun) {
        const config = tinyTrainingConfig(changes);
        const { ui } = await runTraining(
          tinyTrainOptions({ outputDir: `${folder}/run`, cocoPath, config }, { dryRun }),
        );
        await Deno.remove(`${folder}/run`, { recursive: true }).catch(() => {});
        return ui.warnings;
      },
      async doctor(changes) {
        const config_file = `${folder}/config.json`;
        await Deno.writeTextFile(config_file, formatJsonConfig(tinyTrainingConfig(changes)));
        const { code, findings } = await examine(
          { device: "cpu", threads: 1, config_file, coco_path: cocoPath },
          new TestUi(),
        );
        const texts = (level: string) => findings.filter((one) => one.level === level).map(({ text }) => text);
        return { code, odd: texts("odd"), wrong: texts("wrong") };
      },
    });
  });
}

Deno.test("a run, its dry run and doctor say once what does not fit", () =>
  withRun(async ({ start, doctor }) => {
    const changes = { epochs: 1, warmup_steps: 50, lr_drop_fraction: null, lr_drop: 4 };
    const expected = scheduleNotes(tinyTrainingConfig(changes), { stepsPerEpoch: 3 });
    assertEquals(expected.length, 2);
    assertEquals(await start(changes, true), expected);
    assertEquals(await start(changes, false), expected);
    assertEquals(await doctor(changes), { code: 0, odd: expected, wrong: [] });
    assertEquals(await doctor({}), { code: 0, odd: [], wrong: [] });
  }));

Deno.test("a batch that is larger than the data set is refused by a run, its dry run and doctor", () =>
  withRun(async ({ start, doctor }) => {
    for (const dryRun of [true, false]) {
      const error = await assertRejects(() => start({ batch_size: 7 }, dryRun), DinogradError);
      assertEquals(error.kind, "data");
      assertStringIncludes(error.message, "6 images are fewer than one batch of 7: choose a smaller batch_size");
    }
    const { code, wrong } = await doctor({ batch_size: 7 });
    assertEquals(code, 3);
    assertMatch(wrong.join(), /6 images, fewer than one batch of 7$/);
  }));
