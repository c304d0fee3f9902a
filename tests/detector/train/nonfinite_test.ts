import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { openBundle, readBundle, stateNumber, type StateValue, writeBundle } from "../../../checkpoint/mod.ts";
import type { DinoConfig, TrainOptions } from "../../../detector/config/mod.ts";
import { NO_BEST } from "../../../detector/train/best.ts";
import { Saver } from "../../../detector/train/records/saver.ts";
import { StepTrace } from "../../../detector/train/records/step_trace.ts";
import { chooseFromFolder } from "../../../detector/train/start/resume.ts";
import { DinogradError } from "../../../engine/errors.ts";
import { inFolder } from "../../helpers/in_folder.ts";
import { runCli } from "../../helpers/run_cli.ts";
import { runTraining, tinyTrainingConfig, tinyTrainOptions, writeTinyCoco } from "../../helpers/tiny_training.ts";

/** So large a step overflows the weights, or what is computed from them. */
const EXPLOSION = { lr: 1e37, lr_backbone: 1e37 };

interface Setup {
  readonly folder: string;
  readonly outputDir: string;
  readonly options: (changes?: Partial<TrainOptions>) => TrainOptions;
}

/** A folder in which a run has been stopped after some steps, with a bundle after each. */
async function afterSteps(
  steps: number,
  test: (setup: Setup) => Promise<void>,
  changes: Partial<DinoConfig> = {},
): Promise<void> {
  await inFolder(async (folder) => {
    const cocoPath = await writeTinyCoco(`${folder}/coco`);
    const outputDir = `${folder}/run`;
    const config = tinyTrainingConfig({ clip_max_norm: 0, use_ema: false, ...changes });
    const options = (more: Partial<TrainOptions> = {}) =>
      tinyTrainOptions({ outputDir, cocoPath, config }, { saveEverySteps: 1, ...more });
    await runTraining(options(), { stopAfter: steps });
    await test({ folder, outputDir, options });
  });
}

async function failure(options: TrainOptions): Promise<DinogradError> {
  const error = await assertRejects(() => runTraining(options), DinogradError);
  assertEquals(error.kind, "nonfinite", error.message);
  assert(!error.message.includes("\n"));
  return error;
}

async function stepIn(path: string): Promise<number | undefined> {
  await using bundle = await openBundle(path);
  const { problems, nonfinite } = await bundle.verify();
  assertEquals([problems, nonfinite], [[], []], path);
  return stateNumber(bundle.state, "step");
}

/** Replaces the first numbers of a tensor of a bundle. */
async function spoil(path: string, { name, numbers }: { name: string; numbers: readonly number[] }): Promise<void> {
  const { tensors, state } = await readBundle(path);
  const tensor = tensors.get(name);
  if (!tensor) throw new Error(`expected ${name} but found ${[...tensors.keys()].join()}`);
  const data = tensor.data.slice();
  new Float32Array(data.buffer).set(numbers);
  await writeBundle(path, { tensors: new Map(tensors).set(name, { ...tensor, data }), state });
}

Deno.test("a loss that is not finite stops the run, names step, images and the last sound bundle, and harms nothing", () =>
  afterSteps(1, async ({ outputDir, options }) => {
    const error = await failure(options({ resume: "auto", override: EXPLOSION }));
    assertMatch(error.message, /^step 2: .*expected finite .*found/);
    const file = `${outputDir}/nonfinite_step2.json`;
    assertStringIncludes(error.message, file);
    const { images } = JSON.parse(await Deno.readTextFile(file));
    assertEquals(images.length, 2);
    for (const id of images) assert(Number.isInteger(id) && id >= 1 && id <= 6, `${id}`);
    assertMatch(error.message, /all weights are finite|NaN or infinity in "/);

    const [, bundle] = /the last sound bundle is (\S+), of step 1$/.exec(error.message) ?? [];
    assertEquals(await stepIn(bundle), 1);
    // The command line says how; a tenth of that rate would explode again, so it is run with other numbers.
    const compute = ["--device", "cpu", "--threads", "1", "--num_workers", "0"];
    const rates = ["--override", "lr=1e37", "lr_backbone=1e37"];
    const again = [
      "train",
      "--output_dir",
      outputDir,
      "--resume",
      bundle,
      ...rates,
      "--save_every_steps",
      "1",
      ...compute,
    ];
    const exploded = await runCli(again);
    assertEquals(exploded.code, 6);
    const [, command] =
      /; continue from it in smaller steps with: deno run -A \S+ (train .*)\n$/.exec(exploded.stderr) ??
        [];
    assert(command, exploded.stderr);
    const { code, stderr } = await runCli(command.replaceAll("1e+36", "0.0001").split(" "));
    assertEquals(code, 0, stderr);
    assertEquals(await stepIn(`${outputDir}/checkpoint.dino`), 6);
    // What it fled from has left the place of the bundle before the newest.
    assert((await stepIn(`${outputDir}/checkpoint_previous.dino`)) !== 2);
  }));

Deno.test("--resume auto passes over the state from which a loss was not finite, and forgets it once that step is made", () =>
  afterSteps(2, async ({ outputDir, options }) => {
    new StepTrace(outputDir).appendNonfinite(2);
    const { path, damaged } = await chooseFromFolder(outputDir);
    assertEquals(path, `${outputDir}/checkpoint_previous.dino`);
    assertMatch(damaged[0].reason, /checkpoint\.dino: expected finite numbers to come of it .* at step 2$/);
    for (
      const [args, code] of [[["repair", outputDir, "--dry_run"], 0], [
        ["inspect", `${outputDir}/checkpoint.dino`],
        0,
      ]] as const
    ) {
      const result = await runCli(args);
      assertEquals(result.code, code, result.stderr);
      assertStringIncludes(result.stdout, "expected finite numbers to come of it");
    }
    const doctor = await runCli(["doctor", "--output_dir", outputDir, "--device", "cpu"]);
    assertStringIncludes(doctor.stdout, "expected finite numbers to come of it");
    const { ui, result } = await runTraining(options({ resume: "auto" }));
    assertEquals([result.finished, result.step], [true, 6]);
    assertMatch(ui.warnings[0], /not sound: .*; set aside as .*checkpoint\.dino\.nonfinite$/);
    assertEquals(new StepTrace(outputDir).firstNonfinite(), undefined);
    assertEquals((await chooseFromFolder(outputDir)).path, `${outputDir}/checkpoint.dino`);
  }));

Deno.test("a bundle that is named continues also from a state whose next loss was not finite: the data may have been fixed", () =>
  afterSteps(2, async ({ outputDir, options }) => {
    new StepTrace(outputDir).appendNonfinite(2);
    const { result } = await runTraining(options({ resume: `${outputDir}/checkpoint.dino` }));
    assertEquals([result.finished, result.step], [true, 6]);
    assertEquals(new StepTrace(outputDir).firstNonfinite(), undefined);
  }));

Deno.test("a run that goes back does not keep the state it fled from as the one before its next save", () =>
  afterSteps(2, async ({ outputDir, options }) => {
    await spoil(`${outputDir}/checkpoint.dino`, { name: "model/transformer.level_embed", numbers: [NaN] });
    const resume = `${outputDir}/checkpoint_previous.dino`;
    const { ui } = await runTraining(options({ resume }), { stopAfter: 1 });
    assertMatch(ui.lines.join("\n"), /checkpoint\.dino: expected finite weights and moments .* set aside as/);
    assertEquals([await stepIn(resume), await stepIn(`${outputDir}/checkpoint.dino`)], [1, 2]);
  }));

Deno.test("weights, moments or an average that are not finite are told by every command that would continue from them", () =>
  afterSteps(2, async ({ outputDir, options }) => {
    const path = `${outputDir}/checkpoint.dino`;
    await spoil(path, { name: "optimizer/exp_avg/transformer.level_embed", numbers: [1, Infinity, NaN] });
    const told = 'NaN or infinity in "optimizer/exp_avg/transformer.level_embed" (2 of 96 numbers)';
    const error = await failure(options({ resume: path }));
    assertStringIncludes(error.message, `${path}: expected finite weights and moments but found ${told}`);
    assertEquals((await chooseFromFolder(outputDir)).path, `${outputDir}/checkpoint_previous.dino`);
    const cases: readonly (readonly [args: readonly string[], code: number])[] = [
      [["verify", path], 6],
      [["verify", outputDir, "--json"], 6],
      [["doctor", "--resume", path, "--device", "cpu"], 6],
      [["doctor", "--output_dir", outputDir, "--device", "cpu"], 0],
      [["inspect", path, "--stats"], 0],
      [["repair", outputDir], 0],
    ];
    for (const [args, code] of cases) {
      const result = await runCli(args);
      assertEquals(result.code, code, `${args[0]}: ${result.stdout}${result.stderr}`);
      assertStringIncludes((result.stdout + result.stderr).replaceAll(String.raw`\"`, '"'), told, args[0]);
    }
    assertEquals(await stepIn(path), 1); // repaired
    assert(await Deno.stat(`${path}.nonfinite`));
  }));

Deno.test("where no bundle is finite nothing is set aside, and the exit code says so", () =>
  afterSteps(1, async ({ outputDir, options }) => {
    const path = `${outputDir}/checkpoint.dino`;
    await spoil(path, { name: "model/transformer.level_embed", numbers: [NaN] });
    assertStringIncludes((await failure(options({ resume: "auto" }))).message, "but found none: ");
    const { code, stdout } = await runCli(["repair", outputDir]);
    assertEquals(code, 6, stdout);
    assert(await Deno.stat(path));
  }));

Deno.test("an evaluation whose outputs are not finite names step, images, weights and the bundle to go back to", () =>
  afterSteps(2, async ({ outputDir, options }) => {
    // The third step of three explodes; what meets its weights first is the evaluation, or the save.
    const error = await failure(options({ resume: "auto", override: EXPLOSION, saveEverySteps: null }));
    assertMatch(
      error.message,
      /^step 3: (evaluation: image 11: expected finite|expected finite weights and moments)/,
    );
    assertMatch(error.message, /the last sound bundle is \S+checkpoint(_previous)?\.dino, of step 2$/);
    assertMatch((await chooseFromFolder(outputDir)).path ?? "", /checkpoint(_previous)?\.dino$/);
    const again = await runTraining(options({ resume: "auto" }));
    assertEquals(again.result.finished, true);
  }));

Deno.test("a state that is not finite is not written over one that is", () =>
  inFolder(async (folder) => {
    const saver = new Saver({ folder, interval: 1, keep: "all", compress: false, runtime: () => null, warn: () => {} });
    const session = (step: number, number: number) => ({
      progress: { epoch: step, step, samples: 0, phase: "train" as const },
      best: { regular: NO_BEST, ema: NO_BEST },
      capture: () => {
        const data = new Uint8Array(Float32Array.of(1, number).buffer);
        const state: StateValue = { epoch: step, step };
        return Promise.resolve({ tensors: new Map([["model/w", { dtype: "f32" as const, shape: [2], data }]]), state });
      },
    });
    try {
      assert(await saver.save(session(1, 1), { wait: true }));
      await saver.save(session(2, NaN)); // in the background: told by the next
      for (const work of [() => saver.save(session(3, 1)), () => saver.finish()]) {
        const error = await assertRejects(work, DinogradError);
        assertEquals(error.kind, "nonfinite");
        assertStringIncludes(
          error.message,
          'expected finite weights and moments at step 2 but found NaN or infinity in "model/w" (1 of 2 numbers)',
        );
      }
      assertEquals(saver.refusedStep, 2);
      assertEquals(await stepIn(`${folder}/checkpoint.dino`), 1);
      assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name).sort(), [
        "checkpoint.dino",
        "checkpoint0000.dino",
      ]);
    } finally {
      await saver.close();
    }
  }));
