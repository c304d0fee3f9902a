/** `verify --deep`: a bundle is trained again from the one before; and what else is promised of a real run's bundles. */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import {
  type BundleContent,
  listBundles,
  readBundle,
  type StateValue,
  writeBundle,
} from "../../../../checkpoint/mod.ts";
import { latestAp } from "../../../../detector/train/records/kept_bundles.ts";
import { DEFAULT_SEED } from "../../../../detector/config/run_options.ts";
import { Sampler } from "../../../../detector/data/sampler.ts";
import { StateReader } from "../../../../detector/train/records/bundle_state.ts";
import { verifyDeep } from "../../../../detector/train/proof/deep_verify.ts";
import { DinogradError } from "../../../../engine/errors.ts";
import { runCli } from "../../../helpers/run_cli.ts";
import {
  runTraining,
  TestUi,
  tinyTrainingConfig,
  tinyTrainOptions,
  writeTinyCoco,
} from "../../../helpers/tiny_training.ts";
import { inFolder } from "../../../helpers/in_folder.ts";
import { madeOnce } from "../../../helpers/made_once.ts";

const asMap = (value: StateValue) => value as { [key: string]: StateValue }; // what training bundles hold there

/** The folder of a run of two epochs of three steps. */
const besideRun = madeOnce(async (folder) => {
  const cocoPath = await writeTinyCoco(`${folder}/coco`);
  await runTraining(tinyTrainOptions({ outputDir: `${folder}/run`, cocoPath, config: tinyTrainingConfig() }));
});
const withRun = (body: (run: string) => Promise<void>) => besideRun((folder) => body(`${folder}/run`));

async function deep(path: string, from: string | null = null) {
  return await inFolder(async (scratch) => {
    const options = { device: "cpu", threads: 2, numWorkers: 0, cocoPath: null, from, scratch } as const;
    return await verifyDeep(path, options, new TestUi());
  });
}

Deno.test("training again from the bundle before gives every bundle of a run, before and after an evaluation", () =>
  withRun(async (run) => {
    const first = `${run}/checkpoint0000.dino`;
    const before = await deep(`${run}/checkpoint_previous.dino`);
    assertEquals(before, { from: first, steps: 3, differences: [] });
    const after = await deep(`${run}/checkpoint.dino`);
    assertEquals(after, { from: `${run}/checkpoint_previous.dino`, steps: 0, differences: [] });
    assertEquals(await deep(`${run}/checkpoint.dino`, first), { from: first, steps: 3, differences: [] });
    const none = await assertRejects(() => deep(first), DinogradError, "expected a bundle before");
    const later = await assertRejects(() => deep(first, `${run}/checkpoint.dino`), DinogradError, "earlier bundle");
    assertEquals([none.kind, later.kind], ["usage", "usage"]);
  }));

Deno.test("a bundle that its run did not compute is told by the first step and the first tensor that differ, with exit code 7", () =>
  withRun(async (run) => {
    const path = `${run}/checkpoint_previous.dino`;
    const original = await readBundle(path);
    const rewrite = (change: (content: BundleContent) => BundleContent) =>
      writeBundle(path, change(original), { compress: false });
    const name = "ema/transformer.level_embed";
    await rewrite(({ tensors, state }) => {
      const data = tensors.get(name)!.data.slice(); // every model has one
      data[0] ^= 1;
      return { state, tensors: new Map(tensors).set(name, { ...tensors.get(name)!, data }) };
    });
    const bit = await deep(path);
    assertEquals(bit.differences.length, 1);
    assertMatch(bit.differences[0], /^1 of \d+ tensors differ, first ema\/transformer\.level_embed: 1 of 96 elements/);
    await rewrite(({ tensors, state }) => {
      const losses = new StateReader(state, path).get("losses").list().map(({ value }) => asMap(value));
      const changed = losses.map((entry) => entry.step === 4 ? { ...entry, loss: 7 } : entry);
      return { tensors, state: { ...asMap(state), losses: changed } };
    });
    const { code, stdout } = await runCli(["verify", path, "--deep", "--device", "cpu", "--threads", "1"]);
    assertEquals(code, 7);
    assertMatch(stdout, /trained again from .*checkpoint0000\.dino, 3 steps: not equal/);
    assertMatch(stdout, /the first differing step is 4: loss .* now, 7 recorded/);
  }));

Deno.test("a real run's bundles have what pruning by the best needs: the AP of their own epoch", () =>
  withRun(async (run) => {
    const aps = (await Deno.readTextFile(`${run}/log.txt`)).trim().split("\n").map((line) => {
      return JSON.parse(line).test_coco_eval_bbox[0];
    });
    const { bundles } = await listBundles(run);
    for (const epoch of [0, 1]) {
      const file = bundles.find(({ name }) => name === `checkpoint000${epoch}.dino`);
      assertEquals(file && latestAp(file.state), aps[epoch]);
    }
  }));

Deno.test("the state has a place per process, and its cursor lets any number of processes continue without skipping or repeating an image", () =>
  inFolder(async (folder) => {
    const cocoPath = await writeTinyCoco(`${folder}/coco`);
    const config = tinyTrainingConfig();
    const options = tinyTrainOptions({ outputDir: `${folder}/run`, cocoPath, config });
    await runTraining(options, { stopAfter: 2 });
    const { state } = await readBundle(`${folder}/run/checkpoint.dino`);
    const reader = new StateReader(state, "bundle");
    const processes = reader.get("random").get("processes").list();
    assertEquals(processes.length, 1);
    for (const use of ["denoising", "noise"]) {
      assertEquals(processes[0].get(use).get("key").list().length, 2);
      assert(processes[0].get(use).get("counter").number() >= 0);
    }
    const samples = reader.get("sampler").get("samples").number();
    assertEquals(samples, 2 * config.batch_size, "global samples: steps times batch size times processes");
    const sampler = (rank: number, world: number, batchSize: number) =>
      new Sampler({ length: 6, seed: options.seed ?? DEFAULT_SEED, training: true, batchSize, rank, world });
    const seen = [...sampler(0, 1, 2).epoch(0)].slice(0, 2).flatMap(({ indices }) => [...indices]);
    // The rest of the epoch on two processes with one image each.
    const rest = [0, 1].flatMap((rank) =>
      [...sampler(rank, 2, 1).epoch(0, samples)].flatMap(({ indices }) => [...indices])
    );
    assertEquals([...seen, ...rest].sort(), [0, 1, 2, 3, 4, 5]);
  }));

Deno.test("a real run's bundle holds the tensors and the state that the format's documentation lists", () =>
  withRun(async (run) => {
    const doc = await Deno.readTextFile(new URL("../../../../docs/checkpoint-format.md", import.meta.url));
    const section = /## What a training keeps\n([^]*?)\n## /.exec(doc)?.[1] ?? "";
    const { tensors, state } = await readBundle(`${run}/checkpoint.dino`);
    const listed = [...section.matchAll(/^- `(\w+)`: /gm)].map(([, key]) => key);
    assertEquals(Object.keys(asMap(state)), listed);
    const groups = new Set([...tensors.keys()].map((name) => /^(optimizer\/\w+|\w+)\//.exec(name)?.[0] ?? name));
    assertEquals([...groups], ["model/", "optimizer/exp_avg/", "optimizer/exp_avg_sq/", "ema/"]);
    for (const group of groups) assert(section.includes(`\`${group}…\``), group);
    const aliases = Object.entries(asMap(asMap(asMap(state).model).aliases));
    assert(aliases.length > 0);
    for (const [alias, name] of aliases) {
      assertEquals([tensors.has(`model/${alias}`), tensors.has(`model/${name}`)], [false, true]);
    }
  }));
