/** What doctor passes can be resumed, and what it fails cannot, with the same exit code: tried both ways, case by case. */
import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { type BundleContent, lockFolder, readBundle, type StateValue, writeBundle } from "../../checkpoint/mod.ts";
import { type DoctorFlags, examine } from "../../commands/doctor.ts";
import { EXIT_CODES } from "../../commands/exit_codes.ts";
import { formatJsonConfig, type TrainOptions } from "../../detector/config/mod.ts";
import { DinogradError } from "../../engine/errors.ts";
import { errorLine, runCli } from "../helpers/run_cli.ts";
import { runTraining, TestUi, tinyTrainingConfig, tinyTrainOptions, writeTinyCoco } from "../helpers/tiny_training.ts";

interface Setup {
  /** Holds `coco` and `run`, a run that was stopped after four of its six steps. */
  readonly folder: string;
  /** Asks doctor, then resumes for one step; checks that both agree, and returns the exit code and the wrong findings. */
  tryBoth(flags?: Partial<DoctorFlags>, options?: Partial<TrainOptions>): Promise<{ code: number; wrong: string }>;
}

const bundlePath = (folder: string) => `${folder}/run/checkpoint.dino`;

async function withStoppedRun(body: (setup: Setup) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    const cocoPath = await writeTinyCoco(`${folder}/coco`);
    const first = tinyTrainOptions({ outputDir: `${folder}/run`, cocoPath, config: tinyTrainingConfig() });
    await runTraining(first, { stopAfter: 4 });
    const tryBoth = async (flags: Partial<DoctorFlags> = {}, options: Partial<TrainOptions> = {}) => {
      const given = { output_dir: `${folder}/run`, device: "cpu", threads: 1, ...flags } as const;
      const { findings, code } = await examine(given, new TestUi());
      const wrong = findings.filter(({ level }) => level === "wrong");
      for (const { remedy } of wrong) assert(remedy, "every wrong finding has a remedy");
      const resume = { ...first, cocoPath: null, config: null, resume: flags.resume ?? "auto", strictResume: false };
      assertEquals(code, await outcome({ ...resume, ...options }), JSON.stringify(findings, null, 1));
      return { code, wrong: wrong.map(({ text }) => text).join("\n") };
    };
    await body({ folder, tryBoth });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The exit code of a training that is resumed for one step. The folder's bundles stay as they are. */
async function outcome(options: TrainOptions): Promise<number> {
  const kept = `${options.outputDir}.kept`;
  await copyFolder(options.outputDir, kept);
  try {
    await runTraining(options, { stopAfter: 1 });
    return 0;
  } catch (error) {
    if (!(error instanceof DinogradError)) throw error;
    return EXIT_CODES[error.kind];
  } finally {
    await Deno.remove(options.outputDir, { recursive: true });
    await Deno.rename(kept, options.outputDir);
  }
}

async function copyFolder(from: string, to: string): Promise<void> {
  await Deno.mkdir(to);
  for await (const { name } of Deno.readDir(from)) await Deno.copyFile(`${from}/${name}`, `${to}/${name}`);
}

async function rewrite(path: string, change: (content: BundleContent) => BundleContent): Promise<void> {
  await writeBundle(path, change(await readBundle(path)), { compress: false });
}

const asMap = (value: StateValue) => value as { [key: string]: StateValue }; // what training bundles hold there

Deno.test("a sound run in its place passes, and needs no --coco_path", () =>
  withStoppedRun(async ({ tryBoth }) => {
    assertEquals(await tryBoth(), { code: 0, wrong: "" });
    assertEquals(await tryBoth({ strict_resume: true }, { strictResume: true }), { code: 0, wrong: "" });
  }));

Deno.test("files: a damaged bundle fails by name, is passed over by auto, and is missed when it was the only one", () =>
  withStoppedRun(async ({ folder, tryBoth }) => {
    const path = bundlePath(folder);
    const bytes = await Deno.readFile(path);
    bytes[bytes.length - 200] ^= 1;
    await Deno.remove(path); // other names of the file keep the good bytes
    await Deno.writeFile(path, bytes);
    const named = await tryBoth({ resume: path });
    assertEquals(named.code, 4);
    assertMatch(named.wrong, /^[^ ]*run\/checkpoint\.dino, .*chunk/, "the path once");
    assertEquals((await tryBoth()).code, 0);
    for (const { name } of [...Deno.readDirSync(`${folder}/run`)]) {
      if (name.endsWith(".dino")) await Deno.writeTextFile(`${folder}/run/${name}`, "no bundle");
    }
    const none = await tryBoth({}, { config: tinyTrainingConfig(), cocoPath: `${folder}/coco` });
    assertEquals(none.code, 4);
    assertStringIncludes(none.wrong, "expected a sound bundle but found only damaged ones");
  }));

Deno.test("files: weights alone, a missing tensor and one of another shape fail before anything is computed", () =>
  withStoppedRun(async ({ folder, tryBoth }) => {
    const path = bundlePath(folder);
    const original = await Deno.readFile(path);
    const name = "model/transformer.level_embed";
    await rewrite(path, ({ tensors, state }) => ({ tensors, state: { ...asMap(state), kind: "dinograd weights" } }));
    assertEquals((await tryBoth({ resume: path })).code, 4);
    await Deno.writeFile(path, original);
    await rewrite(path, ({ tensors, state }) => ({
      state,
      tensors: new Map([...tensors].filter(([key]) => key !== name)),
    }));
    const missing = await tryBoth({ resume: path });
    assertEquals(missing.code, 5);
    assertStringIncludes(missing.wrong, `1 tensor is missing, first ${name}`);
    await Deno.writeFile(path, original);
    await rewrite(path, ({ tensors, state }) => {
      const tensor = tensors.get(name)!; // every model has one
      return { state, tensors: new Map(tensors).set(name, { ...tensor, shape: [...tensor.shape].reverse() }) };
    });
    const shape = await tryBoth({ resume: path });
    assertEquals(shape.code, 5);
    assertMatch(shape.wrong, /level_embed is \[32, 3\] in the checkpoint and \[3, 32\] in the model/);
  }));

Deno.test("configuration: another model fails, another optimizer is told and passes, overrides pass unless strict", () =>
  withStoppedRun(async ({ folder, tryBoth }) => {
    const write = async (name: string, config: ReturnType<typeof tinyTrainingConfig>) => {
      await Deno.writeTextFile(`${folder}/${name}.json`, formatJsonConfig(config));
      return [{ config_file: `${folder}/${name}.json` }, { config }] as const;
    };
    const model = await tryBoth(...await write("model", tinyTrainingConfig({ dim_feedforward: 64 })));
    assertEquals(model.code, 5);
    assertStringIncludes(model.wrong, "model: dim_feedforward is 32 in the checkpoint, 64 here");
    assertEquals((await tryBoth(...await write("optimizer", tinyTrainingConfig({ clip_max_norm: 1 })))).code, 0);
    const override = [{ override: ["clip_max_norm=1"] }, { override: { clip_max_norm: 1 } }] as const;
    assertEquals((await tryBoth(...override)).code, 0);
    const strict = await tryBoth({ ...override[0], strict_resume: true }, { ...override[1], strictResume: true });
    assertEquals(strict.code, 7);
    const wider = await tryBoth({ override: ["dim_feedforward=64"] }, { override: { dim_feedforward: 64 } });
    assertEquals(wider.code, 5);
  }));

Deno.test("data: missing, cut and changed files, renamed categories and unknown ids are told apart", () =>
  withStoppedRun(async ({ folder, tryBoth }) => {
    const annotations = `${folder}/coco/annotations/instances_train2017.json`;
    const text = await Deno.readTextFile(annotations);
    const replace = (from: string | RegExp, to: string) => Deno.writeTextFile(annotations, text.replace(from, to));
    await replace('"name":"two"', '"name":"zwei"');
    const renamed = await tryBoth();
    assertEquals(renamed.code, 5);
    assertStringIncludes(renamed.wrong, "category 2 is zwei here and two in the bundle");
    await replace(/"category_id":\d/, '"category_id":77');
    assertEquals((await tryBoth()).code, 3);
    await replace('"bbox":[5,8', '"bbox":[6,8');
    assertEquals((await tryBoth()).code, 0);
    assertEquals((await tryBoth({ strict_resume: true }, { strictResume: true })).code, 7);
    await Deno.writeTextFile(annotations, text);
    // All images of the epoch's rest: whichever comes next, training meets it.
    for (const { name } of [...Deno.readDirSync(`${folder}/coco/train2017`)]) {
      const path = `${folder}/coco/train2017/${name}`;
      await Deno.writeFile(path, (await Deno.readFile(path)).subarray(0, 500));
    }
    const cut = await tryBoth();
    assertEquals(cut.code, 3);
    assertMatch(cut.wrong, /train: 6 of 6 images cannot be read, first .*cut off before its end/);
    await Deno.rename(`${folder}/coco`, `${folder}/moved`);
    const moved = await tryBoth();
    assertEquals(moved.code, 3);
    assertMatch(moved.wrong, /^[^\n]*coco does not exist$/, "told once, though both splits are missing");
    const remedy =
      "expected the data set of the checkpoint's run but found nothing; --coco_path DIR says where it is now";
    const options = tinyTrainOptions({ outputDir: "", cocoPath: null, config: null }, { dryRun: true });
    const error = await assertRejects(
      () => runTraining({ ...options, resume: bundlePath(folder), strictResume: false }),
      DinogradError,
      remedy,
    );
    assertEquals(error.kind, "data");
  }));

Deno.test("a data set that was moved is the same one", () =>
  withStoppedRun(async ({ folder, tryBoth }) => {
    await Deno.rename(`${folder}/coco`, `${folder}/moved`);
    const [flags, options] = [{ coco_path: `${folder}/moved` }, { cocoPath: `${folder}/moved` }];
    assertEquals((await tryBoth({ ...flags, strict_resume: true }, { ...options, strictResume: true })).code, 0);
  }));

Deno.test("a folder that another run holds fails", () =>
  withStoppedRun(async ({ folder }) => {
    await using _lock = await lockFolder(`${folder}/run`);
    const { code, findings } = await examine({ output_dir: `${folder}/run`, device: "cpu", threads: 1 }, new TestUi());
    assertEquals(code, 4);
    assert(findings.some(({ text }) => /run is held by process \d+ on /.test(text)));
  }));

Deno.test("doctor before a training: num_classes too small is exit code 5 from both, and a box without area is told", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const cocoPath = await writeTinyCoco(`${folder}/coco`);
    const annotations = `${cocoPath}/annotations/instances_train2017.json`;
    const text = await Deno.readTextFile(annotations);
    await Deno.writeTextFile(annotations, text.replace('"bbox":[5,8,30,25]', '"bbox":[5,8,0,25]'));
    await Deno.writeTextFile(`${folder}/config.json`, formatJsonConfig(tinyTrainingConfig()));
    const look = ["-c", `${folder}/config.json`, "--coco_path", cocoPath, "--device", "cpu", "--threads", "1"];
    const sound = await runCli(["doctor", ...look]);
    assertEquals(sound.code, 0);
    assertMatch(sound.stdout, /note +data +train: 1 box without area \(annotation 1\)/);
    assertMatch(sound.stdout, /nothing is wrong: the run would start/);
    const few = [...look, "--options", "num_classes=3"];
    const doctor = await runCli(["doctor", ...few]);
    const training = await runCli(["train", "--output_dir", `${folder}/run`, ...few]);
    assertEquals([doctor.code, training.code], [5, 5]);
    assertStringIncludes(doctor.stdout, "set num_classes to 4");
    assertStringIncludes(training.stderr, "num_classes=3 is too small");
    assertMatch(doctor.stdout, /\n2 findings are wrong: the run would fail\n$/);
    await Deno.rename(cocoPath, `${folder}/moved`);
    const moved = await runCli(["doctor", ...look]);
    assertEquals(moved.code, 3);
    assertMatch(moved.stdout, /\n1 finding is wrong: the run would fail\n$/, "both splits miss the same folder");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("doctor without anything to look at is a usage error", async () => {
  const result = await runCli(["doctor"]);
  assertEquals(result.code, 2);
  errorLine(result);
});
