/** What doctor passes can be resumed, and what it fails cannot, with the same exit code: tried both ways, case by case. */
import { cp } from "node:fs/promises";
import { hostname } from "node:os";
import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { type BundleContent, lockFolder, readBundle, type StateValue, writeBundle } from "../../checkpoint/mod.ts";
import { type DoctorFlags, examine } from "../../commands/doctor.ts";
import { checkSplit } from "../../commands/doctor/data.ts";
import type { Finding } from "../../commands/doctor/findings.ts";
import { checkFolder } from "../../commands/doctor/machine.ts";
import { EXIT_CODES } from "../../commands/shared/exit_codes.ts";
import { formatJsonConfig, type TrainOptions } from "../../detector/config/mod.ts";
import { encodeJpeg, readImage } from "../../detector/data/mod.ts";
import { DinogradError } from "../../engine/errors.ts";
import { forge } from "../helpers/forge.ts";
import { inFolder } from "../helpers/in_folder.ts";
import { errorLine, runCli } from "../helpers/run_cli.ts";
import { writeTinySplit } from "../helpers/tiny_dataset.ts";
import { runTraining, TestUi, tinyTrainingConfig, tinyTrainOptions, writeTinyCoco } from "../helpers/tiny_training.ts";
import { madeOnce } from "../helpers/made_once.ts";

interface Setup {
  /** Holds `coco` and `run`, a run that was stopped after four of its six steps. */
  readonly folder: string;
  /** Asks doctor, then resumes for one step; checks that both agree, and returns the exit code and the wrong findings. */
  tryBoth(flags?: Partial<DoctorFlags>, options?: Partial<TrainOptions>): Promise<{ code: number; wrong: string }>;
}

const bundlePath = (folder: string) => `${folder}/run/checkpoint.dino`;

const optionsIn = (folder: string) =>
  tinyTrainOptions({ outputDir: `${folder}/run`, cocoPath: `${folder}/coco`, config: tinyTrainingConfig() });

const inStoppedRun = madeOnce(async (folder) => {
  await writeTinyCoco(`${folder}/coco`);
  await runTraining(optionsIn(folder), { stopAfter: 4 });
});

const withStoppedRun = (body: (setup: Setup) => Promise<void>) =>
  inStoppedRun(async (folder) => {
    const first = optionsIn(folder);
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
  });

/** The exit code of a training that is resumed for one step. The folder's bundles stay as they are. */
async function outcome(options: TrainOptions): Promise<number> {
  const kept = `${options.outputDir}.kept`;
  const isRun = options.outputDir.endsWith("/run");
  if (isRun) await cp(options.outputDir, kept, { recursive: true });
  try {
    await runTraining(options, { stopAfter: 1 });
    return 0;
  } catch (error) {
    if (!(error instanceof DinogradError)) throw error;
    return EXIT_CODES[error.kind];
  } finally {
    if (isRun) {
      await Deno.remove(options.outputDir, { recursive: true });
      await Deno.rename(kept, options.outputDir);
    }
  }
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

Deno.test("files: a bundle made to crash its readers is named, and stops neither doctor nor --resume auto", () =>
  withStoppedRun(async ({ folder, tryBoth }) => {
    const hostile = `${folder}/run/stranger.dino`;
    await Deno.writeFile(hostile, forge({ tensors: [{ name: "a", dtype: { toString: 1 }, shape: [], chunks: 0 }] }));
    assertEquals((await tryBoth()).code, 0);
    const named = await tryBoth({ resume: hostile });
    assertEquals(named.code, 4);
    assertStringIncludes(named.wrong, 'but found {"toString": 1}');
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
    assertMatch(cut.wrong, /train: 6 of 6 images cannot be read, first .*1\.png: the file is truncated/);
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

Deno.test("images: what the decoder takes passes whatever stands after its end, what it refuses fails", () =>
  withStoppedRun(async ({ folder, tryBoth }) => {
    const images = `${folder}/coco/train2017`;
    for (const { name } of [...Deno.readDirSync(images)]) {
      // The name ends in .png and says nothing.
      const jpeg = await encodeJpeg(await readImage(`${images}/${name}`));
      await Deno.writeFile(`${images}/${name}`, Uint8Array.of(...jpeg, ...new Uint8Array(300)));
    }
    assertEquals((await tryBoth()).code, 0);
    for (const { name } of [...Deno.readDirSync(images)]) {
      const bytes = await Deno.readFile(`${images}/${name}`);
      await Deno.writeFile(`${images}/${name}`, bytes.subarray(0, bytes.length - 302)); // without its end marker
    }
    const cut = await tryBoth();
    assertEquals(cut.code, 3);
    assertMatch(cut.wrong, /train: 6 of 6 images cannot be read, first .*: the file is truncated/);
    await Deno.remove(`${folder}/coco/val2017/11.png`);
    assertMatch((await tryBoth()).wrong, /val2017\.json: .* none to read for 1 of 2 images: .*11\.png: .*no such file/);
  }));

Deno.test("of many images a sample is decoded, and besides it whatever does not end as an image", () =>
  inFolder(async (folder) => {
    const images = Array.from({ length: 240 }, (_, at) => ({
      ...{ id: 1 + at, width: 4, height: 4 },
      objects: [{ category_id: 1, bbox: [0, 0, 2, 2] }],
    }));
    await writeTinySplit(folder, "train", { images });
    const look = async (allImages = false) => {
      const question = { config: undefined, recorded: undefined, strict: false, allImages, maxImagePixels: 100 };
      const [finding] = (await checkSplit(folder, "train", question)).filter(({ about }) => about === "images");
      return finding.text;
    };
    assertMatch(await look(), /all 240 image files .*; 120 of them were decoded/);
    assertMatch(await look(true), /all 240 image files .*, and all decode/);
    const path = `${folder}/train2017/2.jpg`; // not in the sample
    await Deno.writeFile(path, (await Deno.readFile(path)).slice(0, -2));
    assertMatch(await look(), /1 of 240 images cannot be read, first .*2\.jpg: the file is truncated/);
  }));

Deno.test("what is no obstacle is noted: little room, a bundle that is further, a lock whose process is gone", () =>
  withStoppedRun(async ({ folder }) => {
    const texts = (findings: readonly Finding[]) =>
      findings.filter(({ level }) => level === "odd").map(({ text }) => text).join("\n");
    assertMatch(texts(await checkFolder(`${folder}/run`, { bundleBytes: 2 ** 60 })), /are free, and a bundle takes/);
    assertEquals(texts(await checkFolder(`${folder}/run`, { bundleBytes: 1 })), "");
    await writeBundle(`${folder}/run/checkpoint0099.dino`, { tensors: new Map(), state: { step: 999 } });
    const gone = { pid: 2 ** 30, host: hostname(), identity: "", token: "t" };
    await Deno.writeTextFile(`${folder}/run/.dinograd.lock`, JSON.stringify(gone));
    const { code, findings } = await examine({ output_dir: `${folder}/run`, device: "cpu", threads: 1 }, new TestUi());
    assertEquals(code, 0);
    assertMatch(texts(findings), /checkpoint0099\.dino is further \(step 999\) than checkpoint\.dino \(step 4\)/);
    assertMatch(texts(findings), /has the lock of process 1073741824 on .*, which is gone/);
  }));

Deno.test("of several things that are wrong the exit code is that of the first which training meets", () =>
  withStoppedRun(async ({ folder, tryBoth }) => {
    const images = [...Deno.readDirSync(`${folder}/coco/train2017`)].map(({ name }) =>
      `${folder}/coco/train2017/${name}`
    );
    for (const image of images) await Deno.writeTextFile(image, "no image");
    const annotations = `${folder}/coco/annotations/instances_train2017.json`;
    const text = await Deno.readTextFile(annotations);
    await Deno.writeTextFile(annotations, text.replace('"bbox":[5,8', '"bbox":[6,8'));
    assertEquals((await tryBoth()).code, 3);
    assertEquals((await tryBoth({ strict_resume: true }, { strictResume: true })).code, 7);
    await Deno.remove(images[0]); // looked for before anything is compared
    assertEquals((await tryBoth({ strict_resume: true }, { strictResume: true })).code, 3);
    await Deno.writeTextFile(annotations, text.replace('"name":"two"', '"name":"zwei"'));
    assertEquals((await tryBoth({ strict_resume: true }, { strictResume: true })).code, 5);
    await using _lock = await lockFolder(`${folder}/run`);
    assertEquals((await tryBoth()).code, 4);
  }));

Deno.test("state: what cannot be continued exactly fails by name, before anything is computed", () =>
  withStoppedRun(async ({ folder, tryBoth }) => {
    const path = bundlePath(folder);
    const original = await readBundle(path);
    const withState = (changes: { [key: string]: StateValue }) =>
      writeBundle(path, { ...original, state: { ...asMap(original.state), ...changes } }, { compress: false });
    const [place] = asMap(asMap(original.state).random).processes as StateValue[]; // the run's one process
    await withState({ random: { processes: [place, place] } });
    const places = await tryBoth({ resume: path });
    assertEquals(places.code, 4);
    assertMatch(places.wrong, /random\.processes: expected the random streams of one process but found those of 2/);
    await withState({ losses: null });
    assertEquals((await tryBoth({ resume: path })).code, 4);
    const without = (prefix: string) =>
      writeBundle(path, {
        ...original,
        tensors: new Map([...original.tensors].filter(([name]) => !name.startsWith(prefix))),
      });
    await without("optimizer/");
    assertEquals((await tryBoth({ resume: path })).code, 4);
    await without("ema/");
    assertEquals((await tryBoth({ resume: path })).code, 4);
    assertEquals(
      (await tryBoth({ resume: path, override: ["use_ema=false"] }, { override: { use_ema: false } })).code,
      0,
    );
  }));

Deno.test("flags: a run that continues with changes is judged as such, and an average that is switched on passes", () =>
  withStoppedRun(async ({ folder, tryBoth }) => {
    const [flags, options] = [{ coco_path: `${folder}/coco` }, { cocoPath: `${folder}/coco` }];
    const ignore = [{ finetune_ignore: ["class_embed"] }, { finetuneIgnore: ["class_embed"] }] as const;
    assertEquals((await tryBoth(...ignore)).code, 2, "the data is not looked for where another run had it");
    assertEquals((await tryBoth({ ...flags, ...ignore[0] }, { ...options, ...ignore[1] })).code, 0);
    const strict = [{ ...flags, strict_resume: true }, { ...options, strictResume: true }] as const;
    assertEquals((await tryBoth({ ...strict[0], ...ignore[0] }, { ...strict[1], ...ignore[1] })).code, 7);
    const start = (epoch: number) =>
      tryBoth({ ...flags, start_epoch: epoch }, { ...options, startEpoch: epoch }).then(({ code }) => code);
    assertEquals([await start(1), await start(2)], [0, 2]);
    assertEquals((await tryBoth({ freeze: ["backbone"], ...flags }, { freeze: ["backbone"], ...options })).code, 0);
    const annotations = `${folder}/coco/annotations/instances_train2017.json`;
    const text = await Deno.readTextFile(annotations);
    await Deno.writeTextFile(annotations, text.replace('"name":"two"', '"name":"zwei"'));
    assertEquals((await tryBoth({ ...flags, ...ignore[0] }, { ...options, ...ignore[1] })).code, 0);
    const labels = [{ override: ["dn_labelbook_size=1"] }, { override: { dn_labelbook_size: 1 } }] as const;
    assertEquals((await tryBoth(...labels)).code, 2);
    const address = "https://example.org/a.pth";
    assertEquals((await tryBoth({ resume: address, ...flags })).code, 2);

    await Deno.writeTextFile(annotations, text);
    const plain = {
      outputDir: `${folder}/plain`,
      cocoPath: `${folder}/coco`,
      config: tinyTrainingConfig({ use_ema: false }),
    };
    await runTraining(tinyTrainOptions(plain), { stopAfter: 2 });
    const ema = { resume: `${folder}/plain/checkpoint.dino`, output_dir: `${folder}/begun` };
    assertEquals(
      (await tryBoth({ ...ema, override: ["use_ema=true"] }, {
        outputDir: ema.output_dir,
        override: { use_ema: true },
      }))
        .code,
      0,
    );
  }));

Deno.test("folders: one that cannot be made, locked or written fails as training would", () =>
  withStoppedRun(async ({ folder, tryBoth }) => {
    const into = (outputDir: string) => tryBoth({ resume: bundlePath(folder), output_dir: outputDir }, { outputDir });
    await Deno.writeTextFile(`${folder}/file`, "");
    for (const bad of [`${folder}/file`, `${folder}/file/below`]) {
      const { code, wrong } = await into(bad);
      assertEquals([code, wrong], [4, `${folder}/file is a file, not a folder`]);
    }
    assertEquals((await into(`${folder}/new/deep`)).code, 0);
    for (const name of ["config.json", "log.txt", "trace.jsonl"]) {
      await Deno.rename(`${folder}/run/${name}`, `${folder}/${name}`).catch(() => {}); // no epoch was logged yet
      await Deno.mkdir(`${folder}/run/${name}`);
      const { code, wrong } = await tryBoth();
      assertEquals(code, 4);
      assertMatch(wrong, new RegExp(`${name} is a folder where a file is written`));
      await Deno.remove(`${folder}/run/${name}`);
    }
    // A folder that nobody may write, whoever runs the tests.
    if (Deno.build.os === "linux") {
      const { code, wrong } = await into("/proc/self/fdinfo");
      assertEquals(code, 4);
      assertMatch(wrong, /fdinfo cannot be written: /);
    }
  }));

Deno.test("a data set that was moved is the same one", () =>
  withStoppedRun(async ({ folder, tryBoth }) => {
    await Deno.rename(`${folder}/coco`, `${folder}/moved`);
    const [flags, options] = [{ coco_path: `${folder}/moved` }, { cocoPath: `${folder}/moved` }];
    assertEquals((await tryBoth({ ...flags, strict_resume: true }, { ...options, strictResume: true })).code, 0);
  }));

Deno.test("a folder that another run holds fails, and says which", () =>
  withStoppedRun(async ({ folder, tryBoth }) => {
    await using _lock = await lockFolder(`${folder}/run`);
    const { code, wrong } = await tryBoth();
    assertEquals(code, 4);
    assertMatch(wrong, /run is held by process \d+ on /);
  }));

Deno.test("doctor before a training: num_classes too small is exit code 5 from both, and a box without area is told", () =>
  inFolder(async (folder) => {
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
  }));

Deno.test("doctor without anything to look at is a usage error", async () => {
  const result = await runCli(["doctor"]);
  assertEquals(result.code, 2);
  errorLine(result);
});

Deno.test("memory: what a run needs is told, and a batch is chosen as training would", () =>
  inFolder(async (folder) => {
    const coco_path = await writeTinyCoco(`${folder}/coco`);
    await Deno.writeTextFile(`${folder}/config.json`, formatJsonConfig(tinyTrainingConfig({ batch_size: 2 })));
    const asked = { coco_path, config_file: `${folder}/config.json`, device: "cpu", threads: 1 } as const;
    const about = async (flags: Partial<DoctorFlags>) => {
      const { findings, code } = await examine({ ...asked, ...flags }, new TestUi());
      const found = findings.filter(({ about }) => about === "memory");
      return { code, found: found.map(({ level, text }) => `${level}: ${text}`).join("\n") };
    };
    const plain = await about({});
    assertEquals(plain.code, 0);
    assertMatch(plain.found, /^fine: 2 images of up to \d+ x \d+ and the program take about .* that are free$/);
    const chosen = await about({ batch_size: "auto", memory: 1e12 });
    assertEquals(chosen.code, 0);
    assertMatch(
      chosen.found,
      /^fine: batch_size: 1 \(auto\): .*more would leave an epoch of 6 images fewer than 10 steps/,
    );
    const small = await about({ batch_size: "auto", memory: 1e6 });
    assertEquals(small.code, EXIT_CODES.config);
    assertMatch(small.found, /^wrong: --batch_size auto: expected room for a step with 1 image of/);
  }));
