/** A bundle that cannot be continued exactly is refused by name, in a dry run as in a real one. */
import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { asStateMap, type BundleContent, readBundle, type StateValue, writeBundle } from "../../../checkpoint/mod.ts";
import type { TrainOptions } from "../../../detector/config/mod.ts";
import { StateReader } from "../../../detector/train/records/bundle_state.ts";
import { DinogradError } from "../../../engine/errors.ts";
import { inFolder } from "../../helpers/in_folder.ts";
import { runTraining, tinyTrainingConfig, tinyTrainOptions, writeTinyCoco } from "../../helpers/tiny_training.ts";

type Resume = (changes?: Partial<TrainOptions>) => Promise<unknown>;

interface Setup {
  /** Resumes from the bundle after a change, in a dry run and really. Neither may begin; returns the one message. */
  refusal(change: (content: BundleContent) => BundleContent, changes?: Partial<TrainOptions>): Promise<string>;
  /** Resumes from the bundle as the last change has left it. */
  readonly resume: Resume;
}

/** A run that was stopped after four of its six steps. */
function withStoppedRun(body: (setup: Setup) => Promise<void>): Promise<void> {
  return inFolder(async (folder) => {
    const cocoPath = await writeTinyCoco(`${folder}/coco`);
    const path = `${folder}/changed.dino`;
    const first = tinyTrainOptions({ outputDir: `${folder}/run`, cocoPath, config: tinyTrainingConfig() });
    await runTraining(first, { stopAfter: 4 });
    const original = await readBundle(`${folder}/run/checkpoint.dino`);
    let run = 0;
    const resume: Resume = (changes = {}) =>
      runTraining({ ...first, outputDir: `${folder}/resumed${run++}`, config: null, resume: path, ...changes }, {
        stopAfter: 1,
      });
    await body({
      resume,
      async refusal(change, changes = {}) {
        await writeBundle(path, change(original), { compress: false });
        const [dry, real] = await Promise.all(
          [true, false].map((dryRun) => assertRejects(() => resume({ dryRun, ...changes }), DinogradError)),
        );
        assertEquals([dry.kind, dry.message], [real.kind, real.message]);
        return `${real.kind}: ${real.message}`;
      },
    });
  });
}

/** A change of one entry at the root of the state. */
const entry = (key: string, value: (before: StateValue) => StateValue) => ({ tensors, state }: BundleContent) => ({
  tensors,
  state: { ...(state as { [key: string]: StateValue }), [key]: value(new StateReader(state, "").get(key).value) },
});

const without = (prefix: string) => ({ tensors, state }: BundleContent) => ({
  state,
  tensors: new Map([...tensors].filter(([name]) => !name.startsWith(prefix))),
});

const placesOf = (count: number) => (random: StateValue): StateValue => {
  const [place] = new StateReader(random, "").get("processes").list().map(({ value }) => value);
  return { processes: new Array(count).fill(place) };
};

Deno.test("a bundle with places for no process or for several is refused, also where parameters start afresh", () =>
  withStoppedRun(async ({ refusal }) => {
    for (const count of [0, 2, 8]) {
      assertMatch(
        await refusal(entry("random", placesOf(count))),
        new RegExp(
          `^checkpoint: .*changed\\.dino\\.random\\.processes: .* of one process but found those of ${count}: `,
        ),
      );
    }
    const ignoring = await refusal(entry("random", placesOf(2)), { finetuneIgnore: ["class_embed"] });
    assertMatch(ignoring, /one process but found those of 2/);
  }));

Deno.test("random streams of another seed, missing entries and counters that are none are refused by their place", () =>
  withStoppedRun(async ({ refusal }) => {
    assertMatch(await refusal(entry("seed", () => 99)), /processes\[0\]\.denoising: expected the stream of seed 99/);
    assertMatch(await refusal(entry("random", () => null)), /\.random: expected a map but found nothing/);
    assertMatch(await refusal(entry("losses", () => null)), /\.losses: expected a list but found nothing/);
    assertMatch(
      await refusal(entry("epoch", () => -1)),
      /\.epoch: expected a whole number from 0 to 281474976710656 but found -1/,
    );
    assertMatch(
      await refusal(entry("step", () => 1.5)),
      /\.step: expected a whole number from 0 to \d+ but found 1\.5/,
    );
    assertMatch(await refusal(entry("step", () => 2 ** 53 - 1)), /\.step: expected .* but found 9007199254740991/);
    const best = { ap: NaN, epoch: 0 };
    assertMatch(
      await refusal(entry("best", () => ({ regular: best, ema: best }))),
      /\.best\.regular\.ap: expected a number from 0 to 1 but found NaN/,
    );
    const steps = { "transformer.level_embed": NaN };
    assertMatch(
      await refusal(entry("optimizer", (before) => ({ ...asStateMap(before), steps }))),
      /\.optimizer\.steps\.\S+: expected a whole number from 0 to \d+ but found NaN/,
    );
  }));

Deno.test("a bundle without moments or without its average does not continue as if it had them", () =>
  withStoppedRun(async ({ refusal, resume }) => {
    const moments = await refusal(without("optimizer/"));
    assertMatch(moments, /^checkpoint: .*expected moments of every trained parameter but found none that fit .* more;/);
    await resume({ override: { optimizer: "sgd" } }); // told to: AdamW's moments would not be used
    const one = await refusal(without("optimizer/exp_avg/transformer.level_embed"));
    assertMatch(one, /none that fit transformer\.level_embed; it cannot be continued exactly/);
    assertMatch(await refusal(without("ema/")), /^checkpoint: .*expected the average of its weights but found none;/);
    assertMatch(await refusal(without("ema/transformer.level_embed")), /but found missing: transformer\.level_embed/);
    await resume({ override: { use_ema: false } });
  }));

Deno.test("with --strict_resume a start that makes another run is refused, and says which flag does", () =>
  withStoppedRun(async ({ refusal, resume }) => {
    const same = (content: BundleContent) => content;
    const flags: [Partial<TrainOptions>, string][] = [
      [{ finetuneIgnore: ["class_embed"] }, "--finetune_ignore"],
      [{ startEpoch: 1 }, "--start_epoch"],
      [{ freeze: ["backbone"] }, "--freeze"],
    ];
    for (const [changes, flag] of flags) {
      const message = await refusal(same, { ...changes, strictResume: true });
      assertMatch(message, new RegExp(`^verification: resume check: .*changed\\.dino: ${flag} makes it another run`));
    }
    await resume({ strictResume: true });
  }));
