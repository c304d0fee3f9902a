/** The resume check: what it says about losses, and that it names what differs: model, data, config, device or version. */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { type BundleContent, readBundle, type StateValue, writeBundle } from "../../../../checkpoint/mod.ts";
import { encodePng } from "../../../../detector/data/images/image_codec.ts";
import { ResumeCheck } from "../../../../detector/train/proof/compare_losses.ts";
import type { StepRecord } from "../../../../detector/train/records/step_trace.ts";
import type { TrainOptions } from "../../../../detector/config/mod.ts";
import { DinogradError } from "../../../../engine/errors.ts";
import { runTraining, tinyTrainingConfig, tinyTrainOptions, writeTinyCoco } from "../../../helpers/tiny_training.ts";
import { madeOnce } from "../../../helpers/made_once.ts";

const losses = [16, 15.5, 15.25, 15, 14.5, 15, 14.75, 14.5];
const record = (step: number, more: Partial<StepRecord> = {}): StepRecord => ({
  step,
  loss: losses[step],
  images: step,
  content: step,
  ...more,
});

/** A check of steps 4 to 7; `recorded` false: the earlier run had stopped at 4. */
function check({ differences = [], exact = true, recorded = true }: {
  differences?: string[];
  exact?: boolean;
  recorded?: boolean;
} = {}): ResumeCheck {
  return new ResumeCheck({
    recorded: new Map(recorded ? [4, 5, 6, 7].map((step) => [step, record(step)]) : []),
    recent: losses.slice(0, 4),
    circumstances: { differences, exact },
    firstStep: 4,
    steps: 4,
  });
}

function verdictOf(check: ResumeCheck, steps: readonly StepRecord[]) {
  const verdicts = steps.map((step) => check.add(step));
  return verdicts.at(-1) ?? check.finish();
}

Deno.test("equal losses are counted, and the verdict is given once, after the last step that is compared", () => {
  const one = check();
  assertEquals([4, 5, 6].map((step) => one.add(record(step))), [undefined, undefined, undefined]);
  assertEquals(one.add(record(7)), { ok: true, line: "resume check: 4/4 losses equal to the recorded ones" });
  assertEquals([one.add(record(7)), one.finish()], [undefined, undefined]);
});

Deno.test("a run that ends earlier is judged by the steps it made", () => {
  assertEquals(verdictOf(check(), [record(4), record(5)])?.line, "resume check: 2/2 losses equal to the recorded ones");
  assertEquals(check().finish(), undefined);
});

Deno.test("one differing bit is a difference; its step is named, and that nothing else differs", () => {
  const verdict = verdictOf(check(), [record(4), record(5, { loss: 15 + 2 ** -49 }), record(6), record(7)]);
  assertEquals(verdict?.ok, false);
  assertMatch(
    verdict?.line ?? "",
    /only 3\/4 .*step 5 \(2 after the resume\): loss 15\.0000.* where 15 .*state itself/,
  );
});

Deno.test("where circumstances differ, the verdict names them", () => {
  const verdict = verdictOf(check({ differences: ["config differs (optimizer): lr 1 there, 2 here"] }), [
    ...[record(4), record(5), record(6)],
    record(7, { loss: 3 }),
  ]);
  assertMatch(verdict?.line ?? "", /step 7.*config differs \(optimizer\): lr 1 there, 2 here$/);
});

Deno.test("other images, and the same images with other pixels, are told as a difference of data", () => {
  const images = verdictOf(check(), [record(4, { images: 99 }), record(5), record(6), record(7)]);
  assertMatch(images?.line ?? "", /data differ: step 4 .* other images/);
  const pixels = verdictOf(check(), [record(4, { content: 99 }), record(5), record(6), record(7)]);
  assertMatch(pixels?.line ?? "", /data differ: step 4 .* other pixels or boxes/);
});

Deno.test("on another device losses may differ by rounding and no more", () => {
  const device = { differences: ["device differs: cpu there, webgpu here"], exact: false };
  const near = verdictOf(check(device), [4, 5, 6, 7].map((step) => record(step, { loss: losses[step] * 1.005 })));
  assertEquals([near?.ok, near?.line.startsWith("resume check: 4/4 losses within 1 %")], [true, true]);
  const far = verdictOf(check(device), [4, 5, 6, 7].map((step) => record(step, { loss: losses[step] * 1.05 })));
  assertMatch(far?.line ?? "", /only 0\/4 .*device differs/);
});

Deno.test("without a record losses are held against the spread of the recent ones", () => {
  const usual = verdictOf(check({ recorded: false }), [4, 5, 6, 7].map((step) => record(step)));
  assertMatch(usual?.line ?? "", /^resume check: 4\/4 losses within the spread of the last 4/);
  const strange = verdictOf(check({ recorded: false }), [record(4, { loss: 400 }), record(5), record(6), record(7)]);
  assertEquals(strange?.ok, false);
  assertMatch(strange?.line ?? "", /only 3\/4/);
});

const optionsIn = (folder: string) =>
  tinyTrainOptions({ outputDir: `${folder}/run`, cocoPath: `${folder}/coco`, config: tinyTrainingConfig() });

const besideRun = madeOnce(async (folder) => {
  await writeTinyCoco(`${folder}/coco`);
  await runTraining(optionsIn(folder));
});

/** A run of two epochs whose first epoch's bundle is `start`, for resuming from in many ways. */
const withRun = (
  body: (run: {
    readonly folder: string;
    readonly start: string;
    resume(changes?: Partial<TrainOptions>): ReturnType<typeof runTraining>;
  }) => Promise<void>,
) =>
  besideRun(async (folder) => {
    const options = optionsIn(folder);
    const start = `${folder}/run/checkpoint0000.dino`;
    await body({
      folder,
      start,
      resume: (changes) => runTraining({ ...options, resume: start, config: null, strictResume: false, ...changes }),
    });
  });

/** Rewrites a bundle with another content. */
async function rewrite(path: string, change: (content: BundleContent) => BundleContent): Promise<void> {
  await writeBundle(path, change(await readBundle(path)), { compress: false });
}

const asMap = (value: StateValue) => value as { [key: string]: StateValue }; // what training bundles hold there

function withRuntime(content: BundleContent, changes: { [key: string]: StateValue }): BundleContent {
  const state = asMap(content.state);
  return { ...content, state: { ...state, runtime: { ...asMap(state.runtime), ...changes } } };
}

Deno.test("a run resumed in an empty folder is compared with the trace beside its bundle, and says all losses are equal", () =>
  withRun(async ({ folder, resume }) => {
    const { ui } = await resume({ outputDir: `${folder}/elsewhere`, strictResume: true });
    assertEquals(ui.warnings, []);
    assert(ui.lines.includes("resume check: 3/3 losses equal to the recorded ones"), ui.lines.join("\n"));
  }));

Deno.test("a changed setting, a changed weight, another version and another device are each told by name, and fatal with --strict_resume", () =>
  withRun(async ({ start, resume }) => {
    const original = await Deno.readFile(start);
    const cases: [RegExp, Partial<TrainOptions>, ((content: BundleContent) => BundleContent)?][] = [
      [/config differs \(optimizer\): clip_max_norm 0\.1 there, 0\.2 here/, { override: { clip_max_norm: 0.2 } }],
      [/model differs/, {}, (content) => {
        const tensors = new Map(content.tensors);
        const name = "model/transformer.level_embed";
        const data = tensors.get(name)!.data.slice(); // every model has one
        data[3] ^= 1;
        return { ...content, tensors: tensors.set(name, { ...tensors.get(name)!, data }) };
      }],
      [/version differs: dinograd 0\.0\.9 there/, {}, (content) => withRuntime(content, { version: "dinograd 0.0.9" })],
      [/version differs: Deno\/1\.0 there/, {}, (content) => withRuntime(content, { platform: "Deno/1.0" })],
      [/device differs: webgpu there, cpu here/, {}, (content) => withRuntime(content, { device_kind: "webgpu" })],
      [
        /device differs: fused multiply-add: .* there, .* here/,
        {},
        (content) => {
          const before = asMap(asMap(content.state).runtime).fused_multiply_add;
          return withRuntime(content, { fused_multiply_add: !before });
        },
      ],
    ];
    for (const [pattern, options, change] of cases) {
      await Deno.writeFile(start, original);
      if (change) await rewrite(start, change);
      const error = await assertRejects(() => resume({ ...options, strictResume: true }), DinogradError);
      assertEquals(error.kind, "verification");
      assertMatch(error.message, pattern);
      const { ui, result } = await resume(options);
      assert(ui.warnings.some((line) => pattern.test(line)), ui.warnings.join("\n"));
      assertEquals(result.finished, true);
    }
  }));

Deno.test("changed annotations and changed pixels are told as differences of data, changed categories end the run", () =>
  withRun(async ({ folder, resume }) => {
    const file = `${folder}/coco/annotations/instances_train2017.json`;
    const text = await Deno.readTextFile(file);
    await Deno.writeTextFile(file, text.replace(/"bbox":\[5,8/, '"bbox":[6,8'));
    const boxes = await resume();
    assertMatch(boxes.ui.warnings.join("\n"), /data differ: train: the annotation file is another one/);
    assertMatch(boxes.ui.warnings.join("\n"), /data differ: step \d .* other pixels or boxes/);
    await Deno.writeTextFile(file, text);

    const pixels = await Deno.readFile(`${folder}/coco/train2017/1.png`);
    const grey = { width: 64, height: 72, data: new Uint8Array(64 * 72 * 3).fill(99) };
    await Deno.writeFile(`${folder}/coco/train2017/1.png`, encodePng(grey));
    const { ui } = await resume();
    assertMatch(ui.warnings.join("\n"), /data differ: step \d .* other pixels or boxes/);
    await Deno.writeFile(`${folder}/coco/train2017/1.png`, pixels);

    await Deno.writeTextFile(file, text.replace('"name":"two"', '"name":"zwei"'));
    const error = await assertRejects(() => resume(), DinogradError);
    assertEquals(error.kind, "config");
  }));
