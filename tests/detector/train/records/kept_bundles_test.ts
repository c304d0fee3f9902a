/** Which numbered bundles a run keeps by itself, when told, and when resumed. */
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { listBundles, planPrune, readBundle, type StateValue, writeBundle } from "../../../../checkpoint/mod.ts";
import type { KeepCheckpoints, TrainOptions } from "../../../../detector/config/mod.ts";
import { NO_BEST } from "../../../../detector/train/best.ts";
import { AUTO_RULES, recordedKeep } from "../../../../detector/train/records/kept_bundles.ts";
import { type SavedSession, Saver } from "../../../../detector/train/records/saver.ts";
import { inFolder } from "../../../helpers/in_folder.ts";
import { errorLine, runCli } from "../../../helpers/run_cli.ts";
import { runTraining, tinyTrainingConfig, tinyTrainOptions, writeTinyCoco } from "../../../helpers/tiny_training.ts";

/** AP after each of 23 epochs: the best is that of epoch 4, and once more that of epoch 6. */
const APS = Array.from({ length: 23 }, (_, epoch) => epoch === 4 || epoch === 6 ? 0.5 : 0.2 + epoch / 1000);

/** A session that stands after so many epochs. */
function sessionAfter(epochs: number): SavedSession {
  const history = APS.slice(0, epochs).map((ap, epoch) => ({ epoch, test_coco_eval_bbox: [ap] }));
  return {
    progress: { epoch: epochs, step: 3 * epochs, samples: 0, phase: "train" },
    best: { regular: NO_BEST, ema: NO_BEST },
    capture: () => Promise.resolve({ tensors: new Map(), state: { epoch: epochs, step: 3 * epochs, history } }),
  };
}

/** Saves after each epoch; the numbers of the bundles that stay. */
async function numbersLeft(folder: string, options: { keep: KeepCheckpoints; interval: number }): Promise<string[]> {
  await Deno.mkdir(folder, { recursive: true });
  const saver = new Saver({ folder, compress: false, runtime: () => null, warn: () => {}, ...options });
  for (let epochs = 1; epochs <= APS.length; epochs++) await saver.save(sessionAfter(epochs), { wait: true });
  await saver.close();
  return numbered(folder);
}

const numbered = (folder: string) =>
  [...Deno.readDirSync(folder)].flatMap(({ name }) => /^checkpoint0*(\d+)\.dino$/.exec(name)?.[1] ?? [])
    .sort((a, b) => Number(a) - Number(b));

Deno.test("a run keeps the last, the first of the best and every tenth numbered bundle, and prune agrees", () =>
  inFolder(async (folder) => {
    assertEquals(await numbersLeft(folder, { keep: "auto", interval: 1 }), ["4", "9", "19", "22"]);
    const { bundles } = await listBundles(folder);
    assertEquals(planPrune(bundles, AUTO_RULES).remove, []);
    assertEquals(bundles.filter(({ name }) => !/\d/.test(name)).map(({ name }) => name), [
      "checkpoint.dino",
      "checkpoint_previous.dino",
    ]);
  }));

Deno.test("all stay where that is asked for, and where numbered bundles are written every so many epochs alone", () =>
  inFolder(async (folder) => {
    const every = APS.map((_, epoch) => String(epoch));
    assertEquals(await numbersLeft(`${folder}/all`, { keep: "all", interval: 1 }), every);
    assertEquals(await numbersLeft(`${folder}/seventh`, { keep: "auto", interval: 7 }), ["6", "13", "20"]);
    assertEquals(await numbersLeft(`${folder}/two`, { keep: 2, interval: 7 }), ["13", "20"]);
  }));

Deno.test("prune without rules keeps what a training keeps, with a rule only what that says", () =>
  inFolder(async (folder) => {
    await numbersLeft(folder, { keep: "all", interval: 1 });
    assertEquals((await runCli(["prune", folder])).code, 0);
    assertEquals(numbered(folder), ["4", "9", "19", "22"]);
    assertEquals((await runCli(["prune", folder, "--every", "10"])).code, 0);
    assertEquals(numbered(folder), ["9", "19", "22"]);
    assertEquals((await runCli(["prune", folder, "--last", "2"])).code, 0);
    assertEquals(numbered(folder), ["19", "22"]);
  }));

Deno.test("a resumed run keeps what it kept before unless it is told otherwise, and one of earlier versions keeps all", () =>
  inFolder(async (folder) => {
    const cocoPath = await writeTinyCoco(`${folder}/coco`);
    const config = tinyTrainingConfig({ epochs: 4, use_ema: false });
    const outputDir = `${folder}/run`;
    const resume = async (stopAfter: number, changes: Partial<TrainOptions> = {}) => {
      const { ui } = await runTraining(tinyTrainOptions({ outputDir, cocoPath, config }, changes), { stopAfter });
      return ui.lines.find((line) => line.startsWith("numbered checkpoints: "));
    };
    assertEquals(await resume(4, { keepCheckpoints: "all" }), "numbered checkpoints: all stay");
    assertEquals(await resume(4, { resume: "auto" }), "numbered checkpoints: all stay");
    assertEquals(numbered(outputDir), ["0", "1"]);
    await forget(`${outputDir}/checkpoint.dino`);
    assertEquals(await resume(2, { resume: "auto" }), "numbered checkpoints: all stay");
    assertEquals(numbered(outputDir), ["0", "1", "2"]);
    assertEquals(
      await resume(Infinity, { resume: "auto", keepCheckpoints: 2 }),
      "numbered checkpoints: the last 2 stay",
    );
    assertEquals(numbered(outputDir), ["2", "3"]);
    assertEquals(recordedKeep((await readBundle(`${outputDir}/checkpoint.dino`)).state, ""), 2);

    await Deno.remove(outputDir, { recursive: true });
    assertMatch(await resume(Infinity) ?? "", /the last, the best and every 10th stay \(--keep_checkpoints all /);
    assertEquals(numbered(outputDir).at(-1), "3");
    assertEquals(numbered(outputDir).length <= 2, true, numbered(outputDir).join());
  }));

Deno.test("--keep_checkpoints takes a number, all or auto, and says so of anything else", async () => {
  for (const value of ["0", "some"]) {
    const refused = await runCli(["train", "-c", "cards", "--keep_checkpoints", value]);
    assertEquals(refused.code, 2);
    assertStringIncludes(
      errorLine(refused),
      `expected --keep_checkpoints to be auto, all or an integer of at least 1 but found ${value}`,
    );
  }
});

/** Makes a bundle as earlier versions wrote them, without a word on what is kept. */
async function forget(path: string): Promise<void> {
  const { tensors, state } = await readBundle(path);
  const { runtime, ...rest } = state as { [key: string]: StateValue };
  const { keep_checkpoints: _, ...before } = runtime as { [key: string]: StateValue };
  await writeBundle(path, { tensors, state: { ...rest, runtime: before } }, { compress: false });
}
