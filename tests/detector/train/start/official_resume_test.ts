import { assert, assertAlmostEquals, assertEquals, assertRejects } from "@std/assert";
import { openPth, pickleGet, stateDictOf, toNumbers } from "../../../../checkpoint/mod.ts";
import type { DinoConfig, TrainOptions } from "../../../../detector/config/mod.ts";
import { StateReader } from "../../../../detector/train/records/bundle_state.ts";
import type { TrainingSession } from "../../../../detector/train/session.ts";
import { DinogradError } from "../../../../engine/errors.ts";
import { inFolder } from "../../../helpers/in_folder.ts";
import {
  OFFICIAL_CASES,
  officialConfig,
  type OfficialExpectation,
  officialExpectation,
  setOfficialGradient,
  writeOfficialCheckpoint,
} from "../../../helpers/official_checkpoint.ts";
import { withStarted } from "../../../helpers/started_session.ts";
import { contentIn, digestIn, runTraining, tinyTrainOptions, writeTinyCoco } from "../../../helpers/tiny_training.ts";

/** Half a unit in the last place of float32, relative. */
const ROUNDING = 6e-8;

/** The learning rates to the end of the training, step by step with one cycle, else epoch by epoch. */
function assertSameRates(session: TrainingSession, { rates, epoch, step, steps_per_epoch }: OfficialExpectation): void {
  for (const [i, expected] of rates.entries()) {
    const at = session.config.onecyclelr
      ? { epoch: Math.floor((step + i) / steps_per_epoch), step: step + i }
      : { epoch: epoch + i, step: (epoch + i) * steps_per_epoch };
    const { learningRates, momentum = 0.9 } = session.rates.at({ ...session.progress, ...at });
    for (const [g, value] of [...learningRates, momentum].entries()) {
      assertAlmostEquals(value, expected[g], 1e-12 * expected[g]);
    }
  }
}

for (const name of OFFICIAL_CASES) {
  Deno.test(`the next step after ${name}.pth is the official code's, and so are all learning rates to the end`, async () => {
    await inFolder(async (folder) => {
      const expected = await officialExpectation(name);
      const path = await writeOfficialCheckpoint(folder, name);
      await withStarted({ resume: path }, async ({ session }) => {
        assertEquals([session.progress.epoch, session.progress.step], [expected.epoch, expected.step]);
        assertEquals(session.groups.map(({ parameters }) => parameters.length), expected.groups);
        assertSameRates(session, expected);
        const { learningRates, momentum = 0.9 } = session.rates.at(session.progress);
        for (const parameters of session.groups) {
          for (const [key, parameter] of parameters.parameters) setOfficialGradient(key, parameter, expected.step);
        }
        session.optimizer.step({ learningRates, momentum });
        session.optimizer.zeroGrad();
        const trained = session.groups.flatMap(({ parameters }, g) =>
          parameters.map((named) => [...named, g] as const)
        );
        assertEquals(trained.map(([key]) => key).sort(), Object.keys(expected.parameters).sort());
        for (const [key, parameter, group] of trained) {
          const values = Array.from(await parameter.data());
          const [first, last, sum] = expected.parameters[key];
          // An update is about as large as its learning rate: moments or counts of another parameter would show.
          const update = 1e-3 * learningRates[group];
          assertAlmostEquals(values[0], first, update + ROUNDING * Math.abs(first), key);
          assertAlmostEquals(values[values.length - 1], last, update + ROUNDING * Math.abs(last), key);
          const magnitude = values.reduce((total, value) => total + Math.abs(value), 0);
          const total = values.reduce((total, value) => total + value, 0);
          assertAlmostEquals(total, sum, update * values.length + ROUNDING * magnitude, key);
        }
      });
    });
  });
}

Deno.test("every weight of an official checkpoint arrives under all its names, and so does every weight of its average", async () => {
  await inFolder(async (folder) => {
    const path = await writeOfficialCheckpoint(folder);
    await withStarted({ resume: path }, async ({ session }) => {
      await using file = await openPth(path);
      const { model, ema } = session;
      if (!ema) throw new Error("expected a session with an average");
      for (const [part, module] of [["model", model], ["ema_model", ema.average]] as const) {
        const own = module.stateDict();
        const stored = stateDictOf(pickleGet(file.root, part), part);
        assertEquals([...own.keys()], [...stored.keys()], "the official order");
        for (const [key, tensor] of stored) {
          assertEquals([...await own.get(key)!.data()], [...toNumbers(await file.read(tensor))], `${part} ${key}`);
        }
      }
      assertEquals(ema.updates, 6);
    });
  });
});

Deno.test("a run from an official checkpoint stops and continues from its own bundle as if it had not", async () => {
  await inFolder(async (folder) => {
    const cocoPath = await writeTinyCoco(folder);
    const resume = await writeOfficialCheckpoint(folder);
    const config = await officialConfig({ use_ema: true });
    const override = { epochs: 3 };
    const options = (outputDir: string) => tinyTrainOptions({ outputDir, cocoPath, config }, { resume, override });
    const { result } = await runTraining(options(`${folder}/straight`));
    assertEquals([result.epoch, result.step, result.finished], [3, 9, true]);

    const first = await runTraining(options(`${folder}/broken`), { stopAfter: 1 });
    assertEquals([first.result.epoch, first.result.step, first.result.finished], [2, 7, false]);
    const second = await runTraining({ ...options(`${folder}/broken`), resume: "auto", override: {}, config: null });
    assertEquals([second.result.epoch, second.result.step, second.result.finished], [3, 9, true]);
    assertEquals(await digestIn(`${folder}/broken`), await digestIn(`${folder}/straight`));
  });
});

Deno.test("the checkpoint's learning rates win over -c, which is told, and --override wins over both and is recorded", async () => {
  await inFolder(async (folder) => {
    const cocoPath = await writeTinyCoco(folder);
    const resume = await writeOfficialCheckpoint(folder);
    const config = await officialConfig({ lr: 5e-4, epochs: 3, lr_drop: 4, use_ema: true });
    const run = (outputDir: string, override: TrainOptions["override"]) =>
      runTraining(tinyTrainOptions({ outputDir, cocoPath, config }, { resume, override }), { stopAfter: 1 });
    const kept = await run(`${folder}/kept`, {});
    assert(kept.ui.lines.some((line) => line.includes("lr 0.001 (the checkpoint)")));
    assertEquals(
      kept.ui.warnings.filter((line) => line.includes("wins over")),
      [
        "lr: the checkpoint's 0.001 wins over 0.0005; --override lr=0.0005 changes it",
        "lr_drop: the checkpoint's 2 wins over 4; --override lr_drop=4 changes it",
      ],
    );
    const changed = await run(`${folder}/changed`, { lr: 5e-4 });
    assert(changed.ui.lines.some((line) => line.includes("lr 0.0005 (--override)")));
    const state = new StateReader((await contentIn(`${folder}/changed`)).state, "state");
    assertEquals(state.get("overrides").value, [{ step: 6, key: "lr", before: 1e-3, after: 5e-4 }]);
  });
});

Deno.test("an official file without a training state, or with another model's, is refused with the remedy", async () => {
  await inFolder(async (folder) => {
    const goldens = new URL("../../../goldens/", import.meta.url).pathname;
    const refused = async (resume: string, config: DinoConfig) =>
      await assertRejects(() => withStarted({ resume, config }, () => {}), DinogradError);
    const path = await writeOfficialCheckpoint(folder);
    const other = await refused(path, await officialConfig({ num_classes: 4, dn_labelbook_size: 4 }));
    assertEquals(other.kind, "config");
    assert(/shape mismatch: .* --finetune_ignore/.test(other.message), other.message);
    const alone = await refused(`${goldens}ckpt_ddp_prefix.pth`, await officialConfig());
    assertEquals(alone.kind, "checkpoint");
    assert(alone.message.includes("--pretrain_model_path"), alone.message);
    for (const name of ["ckpt_evil_os_system.pth", "ckpt_truncated.pth", "none.pth"]) {
      assertEquals((await refused(goldens + name, await officialConfig())).kind, "checkpoint", name);
    }
  });
});
