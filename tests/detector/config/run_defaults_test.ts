import { assertEquals, assertRejects } from "@std/assert";
import { assertSpyCallArgs, assertSpyCalls, stub } from "@std/testing/mock";
import { preset, PRESET_NAMES, TRAIN_DEFAULTS } from "../../../detector/config/mod.ts";
import { withDefaults } from "../../../detector/config/run_options.ts";
import { completeUi } from "../../../detector/config/run_ui.ts";
import { train } from "../../../detector/train/trainer.ts";
import { DinogradError } from "../../../engine/errors.ts";
import { inFolder } from "../../helpers/in_folder.ts";
import { tinyTrainingConfig, writeTinyCoco } from "../../helpers/tiny_training.ts";

Deno.test("what is given wins over the defaults, null too, and undefined does not", () => {
  assertEquals(withDefaults({ a: 1, b: 2 as number | null, c: 3 }, { a: 5, b: null, c: undefined, d: 4 }), {
    a: 5,
    b: null,
    c: 3,
    d: 4,
  });
  assertEquals(withDefaults(TRAIN_DEFAULTS, {}), TRAIN_DEFAULTS);
});

Deno.test("a user interface that lacks some ways of talking is silent there, and uses its own others", () => {
  class Half {
    readonly lines: string[] = [];
    say(line: string) {
      this.lines.push(line);
    }
  }
  const half = new Half();
  const ui = completeUi(half);
  ui.say("hello");
  ui.table(["a"], [["b"]]);
  ui.json({});
  const bar = ui.progress("epoch 0", 3);
  bar.update(1, { loss: 2 });
  bar.finish();
  assertEquals(half.lines, ["hello"]);
  assertEquals(ui.stop.aborted, false);
});

Deno.test("a warning that nobody listens for goes to the console", () => {
  using warn = stub(console, "warn", () => {});
  completeUi({}).warn("look");
  completeUi({ warn() {} }).warn("away");
  assertSpyCalls(warn, 1);
  assertSpyCallArgs(warn, 0, ["look"]);
});

Deno.test("every preset is found by its name, and nothing by a name that objects happen to have", () => {
  assertEquals(PRESET_NAMES.map((name) => preset(name).modelname), PRESET_NAMES.map(() => "dino"));
  assertEquals(preset("toString"), undefined);
});

Deno.test("a program trains by naming folder, data and configuration alone", () =>
  inFolder(async (folder) => {
    const cocoPath = await writeTinyCoco(`${folder}/data`);
    const config = tinyTrainingConfig({ epochs: 1, use_ema: false });
    const heard: string[] = [];
    const ui = { say: (line: string) => void heard.push(line) };
    const run = { outputDir: `${folder}/run`, cocoPath, config, device: "cpu", threads: 1, numWorkers: 0 } as const;
    assertEquals(await train(run, ui), {
      epoch: 1,
      step: 3,
      finished: true,
      endedEarly: false,
      bundle: `${folder}/run/checkpoint.dino`,
    });
    assertEquals(heard.filter((line) => line.startsWith("epoch 0")).length, 1);
  }));

Deno.test("a configuration made in code is checked before anything is opened", async () => {
  const config = { ...preset("cards"), hidden_dim: 100 };
  const error = await assertRejects(
    () => train({ dryRun: true, cocoPath: "nowhere", config }),
    DinogradError,
    "train: expected hidden_dim to be a multiple of",
  );
  assertEquals(error.kind, "usage");
});
