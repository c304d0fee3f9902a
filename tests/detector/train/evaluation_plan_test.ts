/** Evaluations every few epochs, and the end of a run that no longer gets better: the same however often it is resumed. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { examine } from "../../../commands/doctor.ts";
import type { DinoConfig, TrainOptions } from "../../../detector/config/mod.ts";
import type { Best } from "../../../detector/train/best.ts";
import {
  evaluationsLeft,
  evaluationsSinceBest,
  isEvaluated,
  whyEarly,
} from "../../../detector/train/evaluation_plan.ts";
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

/** One step an epoch; six of them are over in a second. */
const CONFIG = tinyTrainingConfig({ batch_size: 6, epochs: 6, eval_every: 2, use_ema: false });

function withRuns(
  body: (
    folder: string,
    options: (name: string, config: DinoConfig, changes?: Partial<TrainOptions>) => TrainOptions,
  ) => Promise<void>,
): Promise<void> {
  return inFolder(async (folder) => {
    const cocoPath = await writeTinyCoco(`${folder}/coco`);
    await body(
      folder,
      (name, config, changes) => tinyTrainOptions({ outputDir: `${folder}/${name}`, cocoPath, config }, changes),
    );
  });
}

const logOf = (folder: string): Record<string, unknown>[] =>
  Deno.readTextFileSync(`${folder}/log.txt`).trimEnd().split("\n").map((line) => JSON.parse(line));

Deno.test("which epochs are evaluated, and how many evaluations are left", () => {
  const evaluated = (eval_every: number, epochs: number) =>
    Array.from({ length: epochs }, (_, epoch) => epoch).filter((epoch) => isEvaluated({ epochs, eval_every }, epoch));
  assertEquals(evaluated(1, 3), [0, 1, 2]);
  assertEquals(evaluated(2, 5), [1, 3, 4]);
  assertEquals(evaluated(10, 4), [3]);
  assert(isEvaluated({ epochs: 5, eval_every: 2 }, 2, { isLast: true }));
  assertEquals([0, 2, 4, 5].map((epoch) => evaluationsLeft({ epochs: 5, eval_every: 2 }, epoch)), [3, 2, 1, 0]);
  assertEquals(evaluationsLeft({ epochs: 5, eval_every: 2 }, 0, 3), 2); // steps are over in the third
});

Deno.test("patience counts evaluations since the best AP of the weights or of their average, not epochs", () => {
  const evaluation = (epoch: number) => ({ epoch, test_coco_eval_bbox: [0.1] });
  const history = [evaluation(0), { epoch: 1 }, evaluation(2), { epoch: 3 }, evaluation(4), evaluation(5)];
  const run = (regular: number | null, ema: number | null = null) => {
    const best = (epoch: number | null): Best => ({ ap: 0.1, epoch });
    return { history, best: { regular: best(regular), ema: best(ema) } };
  };
  assertEquals([null, 0, 2, 4, 5].map((epoch) => evaluationsSinceBest(run(epoch))), [4, 3, 2, 1, 0]);
  assertEquals(evaluationsSinceBest(run(0, 4)), 1);
  assertEquals(whyEarly({ patience: null }, run(null)), undefined);
  assertEquals(whyEarly({ patience: 3 }, run(2)), undefined);
  assertEquals(whyEarly({ patience: 2 }, run(2)), "no better AP in 2 evaluations (patience=2)");
});

Deno.test("an epoch without evaluation has its line in log and table, and a run that stops at every step is the same", () =>
  withRuns(async (folder, options) => {
    const config = { ...CONFIG, epochs: 3 };
    const { ui } = await runTraining(options("straight", config));
    assert(ui.lines.some((line) => /^epoch 0: step 1, training loss \d+\.\d{3}, not evaluated$/.test(line)));
    assertEquals(logOf(`${folder}/straight`).map((line) => "test_coco_eval_bbox" in line), [false, true, true]);
    assert(logOf(`${folder}/straight`).every((line) => typeof line.train_loss === "number"));
    const [head, ...rows] = Deno.readTextFileSync(`${folder}/straight/results.csv`).trimEnd().split("\n")
      .map((line) => line.split(","));
    const column = (name: string) => rows.map((row) => row[head.indexOf(name)] !== "");
    for (const name of ["AP", "val_loss", "evaluation_seconds"]) assertEquals(column(name), [false, true, true], name);
    for (const name of ["train_loss", "seconds"]) assertEquals(column(name), [true, true, true], name);
    let isFinished = false;
    for (let part = 0; !isFinished; part++) {
      const again = options("stopped", config, { resume: part === 0 ? null : "auto" });
      isFinished = (await runTraining(again, { stopAfter: 1 })).result.finished;
    }
    assertEquals(await digestIn(`${folder}/stopped`), await digestIn(`${folder}/straight`));
  }));

Deno.test("a run without a better AP ends early, stays over when it is resumed, and continues with more patience", () =>
  withRuns(async (folder, options) => {
    const config = { ...CONFIG, eval_every: 1, patience: 2 };
    const { result, ui } = await runTraining(options("run", config));
    assertEquals([result.finished, result.endedEarly, result.epoch], [true, true, 2]);
    const line = ui.lines.find((said) => said.startsWith("it ended early"));
    assertMatch(line ?? "", /no better AP in 2 evaluations \(patience=2\); .*--override patience=N/);
    const digest = await digestIn(`${folder}/run`);

    const again = await runTraining(options("run", config, { config: null, resume: "auto" }));
    assertEquals(again.result, result);
    assertEquals(await digestIn(`${folder}/run`), digest);
    const { findings, code } = await examine(
      { output_dir: `${folder}/run`, device: "cpu" },
      new TestUi(),
    );
    assertEquals(code, 0);
    assertMatch(findings.find(({ about }) => about === "end")?.text ?? "", /^the run ended early: no better AP in 2/);

    const more = options("run", config, { config: null, resume: "auto", override: { patience: 4 } });
    const continued = await runTraining(more);
    assertEquals([continued.result.epoch, continued.result.endedEarly], [4, true]);
    const toTheEnd = options("run", config, { config: null, resume: "auto", override: { patience: null } });
    const { result: last } = await runTraining(toTheEnd);
    assertEquals([last.epoch, last.finished, last.endedEarly], [6, true, false]);
    assertEquals((await runTraining(options("never", { ...CONFIG, patience: null }))).result.endedEarly, false);
  }));

Deno.test("without these keys a bundle records neither of them", () =>
  withRuns(async (folder, options) => {
    await runTraining(options("run", tinyTrainingConfig({ batch_size: 6, epochs: 1 })));
    const { state } = await contentIn(`${folder}/run`);
    const text = JSON.stringify(state);
    assert(text.includes('"max_steps"') && !text.includes('"patience"') && !text.includes('"eval_every"'));
  }));
