import { assert, assertEquals, assertRejects } from "@std/assert";
import { writeBundle } from "../../../../checkpoint/mod.ts";
import type { DinoConfig, TrainOptions } from "../../../../detector/config/mod.ts";
import { StateReader } from "../../../../detector/train/records/bundle_state.ts";
import { TrainingSession } from "../../../../detector/train/session.ts";
import { DinogradError } from "../../../../engine/errors.ts";
import { officialConfig, writeOfficialCheckpoint } from "../../../helpers/official_checkpoint.ts";
import { type Started, withStarted } from "../../../helpers/started_session.ts";
import { TINY_CLASSES } from "../../../helpers/tiny_model.ts";
import { onCpu } from "../../../helpers/on_cpu.ts";
import { madeOnce } from "../../../helpers/made_once.ts";

const IGNORED = ["label_enc.weight", "class_embed"];
const isIgnored = (name: string) => IGNORED.some((keyword) => name.includes(keyword));
const OTHER_CLASSES: Partial<DinoConfig> = { num_classes: 4, dn_labelbook_size: 4 };

/** A folder with an official checkpoint and a bundle of the same training, whose classes are named. */
const PTH = "official_step.pth";
const besideCheckpoints = madeOnce(async (folder) => {
  await writeOfficialCheckpoint(folder);
  await withStarted({ resume: `${folder}/${PTH}` }, async ({ session }) => {
    session.history = [{ epoch: 0, test_coco_eval_bbox: [0.5] }, { epoch: 1, test_coco_eval_bbox: [0.25] }];
    session.best = { regular: { ap: 0.5, epoch: 0 }, ema: { ap: 0, epoch: null } };
    await writeBundle(`${folder}/run.dino`, await session.capture({}), { compress: false });
  });
});
const prepared = (test: (paths: { folder: string; pth: string; dino: string }) => Promise<void>) =>
  besideCheckpoints((folder) => test({ folder, pth: `${folder}/${PTH}`, dino: `${folder}/run.dino` }));

/** Values of a session before anything is loaded into it. */
const freshValues = (config: DinoConfig, seed: number): Promise<Map<string, number[]>> =>
  onCpu(async (device) => {
    const session = new TrainingSession({ device, config, seed, stepsPerEpoch: 3, classes: TINY_CLASSES, freeze: [] });
    const values = await valuesOf(session);
    session.dispose();
    return values;
  });

async function valuesOf({ model }: Pick<TrainingSession, "model">): Promise<Map<string, number[]>> {
  const values = new Map<string, number[]>();
  for (const [name, tensor] of model.stateDict()) values.set(name, [...await tensor.data()]);
  return values;
}

const said = ({ ui }: Started) => ui.lines.join("\n");

for (const kind of ["pth", "dino"] as const) {
  Deno.test(`a .${kind} resumes but for what is ignored: that starts afresh without moments, at the first step of --start_epoch`, async () => {
    await prepared(async (paths) => {
      const before = new Map<string, number[]>();
      await withStarted({ resume: paths[kind] }, async ({ session }) => {
        for (const [name, values] of await valuesOf(session)) before.set(name, values);
      });
      const config = await officialConfig({ ...OTHER_CLASSES, use_ema: true });
      await withStarted({ resume: paths[kind], config, finetuneIgnore: IGNORED, startEpoch: 3 }, async (started) => {
        const { session } = started;
        assertEquals(session.progress, { epoch: 3, step: 9, samples: 0, phase: "train" });
        assertEquals(session.rates.at(session.progress).learningRates.map(Math.fround), [1e-4, 1e-5].map(Math.fround));
        assert(
          said(started).includes("starts at epoch 3 by --start_epoch; the checkpoint would continue with epoch 2"),
        );

        const fresh = await freshValues(session.config, session.seed);
        for (const [name, values] of await valuesOf(session)) {
          assertEquals(values, (isIgnored(name) ? fresh : before).get(name), name);
        }
        for (const [name, tensor] of session.ema!.average.stateDict()) { // the configuration has an average
          if (isIgnored(name)) assertEquals([...await tensor.data()], fresh.get(name), name);
        }
        const trained = session.groups.flatMap(({ parameters }) => parameters.map(([name]) => name));
        const { steps, tensors } = session.optimizer.state();
        assertEquals([...steps.keys()].sort(), trained.filter((name) => !isIgnored(name)).sort());
        assertEquals(tensors.size, 2 * steps.size);
        assertEquals(new Set(steps.values()), new Set([6]));

        // [count, outcome] rows of the table, and a line with the name of every key that was not simply loaded.
        const names = [...session.model.stateDict().keys()];
        const ignored = names.filter(isIgnored);
        assert(said(started).includes(`\n${ignored.length}  ignored\n`), said(started));
        assert(said(started).includes(`\n${names.length - ignored.length}  loaded\n`));
        for (const outcome of ["missing", "unexpected", "shape mismatch"]) {
          assert(said(started).includes(`\n0  ${outcome}`), outcome);
        }
        for (const name of ignored) assert(started.ui.lines.some((line) => line.startsWith(`ignored: ${name}`)), name);
      });
    });
  });
}

Deno.test("moving to an earlier epoch keeps the history before it and the best metric of that", async () => {
  await prepared(async ({ dino }) => {
    await withStarted({ resume: dino, startEpoch: 1 }, ({ session }) => {
      assertEquals(session.progress, { epoch: 1, step: 3, samples: 0, phase: "train" });
      assertEquals(session.history.length, 1);
      assertEquals(session.best.regular, { ap: 0.5, epoch: 0 });
    });
    await withStarted({ resume: dino, finetuneIgnore: IGNORED }, ({ session }) => {
      assertEquals([session.history, session.best.regular.epoch], [[], null], "another model's results");
    });
  });
});

Deno.test("without an ignore list other classes are refused on resume, and as weights rows go by the classes' names", async () => {
  await prepared(async ({ folder, dino }) => {
    const config = await officialConfig(OTHER_CLASSES);
    const refused = await assertRejects(() => withStarted({ resume: dino, config }, () => {}), DinogradError);
    assertEquals(refused.kind, "config");
    assert(refused.message.includes("num_classes 7 there, 4 here"), refused.message);

    const before = new Map<string, number[]>();
    await withStarted({ resume: dino }, async ({ session }) => {
      for (const [name, values] of await valuesOf(session)) before.set(name, values);
    });
    await Deno.writeTextFile(`${folder}/map.json`, '{"two": "deux"}');
    const classes = [{ id: 1, name: "three" }, { id: 2, name: "other" }, { id: 3, name: "deux" }];
    await withStarted({ pretrainModelPath: dino, config, classMap: `${folder}/map.json` }, async (started) => {
      const { session } = started;
      const fresh = await freshValues(session.config, session.seed);
      const after = await valuesOf(session);
      const row = (values: Map<string, number[]>, name: string, id: number) => {
        const width = session.model.stateDict().get(name)!.shape[1] ?? 1;
        return values.get(name)!.slice(id * width, (id + 1) * width);
      };
      for (const name of ["class_embed.0.weight", "transformer.enc_out_class_embed.bias", "label_enc.weight"]) {
        assertEquals(row(after, name, 1), row(before, name, 3), `${name}: three`);
        assertEquals(row(after, name, 3), row(before, name, 2), `${name}: two, now deux`);
        for (const id of [0, 2]) {
          assertEquals(row(after, name, id), row(fresh, name, id), `${name}: ${id} starts afresh`);
        }
      }
      assertEquals(after.get("transformer.level_embed"), before.get("transformer.level_embed"));
      assertEquals(session.optimizer.state().steps.size, 0);
      assert(said(started).includes("carried over: label_enc.weight (2 classes by name, [8, 32] to [5, 32]: "));
    }, { classes });
  });
});

Deno.test("a class map names the rows of a file without class names by their numbers, and refuses what neither side has", async () => {
  await prepared(async ({ folder, pth }) => {
    const config = await officialConfig(OTHER_CLASSES);
    const attempt = async (map: string, test: (started: Started) => void | Promise<void> = () => {}) => {
      await Deno.writeTextFile(`${folder}/map.json`, map);
      await withStarted({ pretrainModelPath: pth, config, classMap: `${folder}/map.json` }, test);
    };
    await attempt('{"6": "two"}', (started) => {
      assert(said(started).includes("carried over: class_embed.0.bias (1 class by name, [7] to [4]: two)"));
    });
    for (const [map, word] of [['{"9": "two"}', '"9"'], ['{"6": "four"}', '"four"'], ["[]", "object"]]) {
      const error = await assertRejects(() => attempt(map), DinogradError, word);
      assertEquals(error.kind, "config");
    }
    const none = { pretrainModelPath: pth, config, classMap: `${folder}/none.json` };
    assertEquals((await assertRejects(() => withStarted(none, () => {}), DinogradError)).kind, "usage");
  });
});

Deno.test("a class map beside --resume alone is refused before the file is opened, in either format, with what to do", async () => {
  await prepared(async ({ folder, pth, dino }) => {
    await Deno.writeTextFile(`${folder}/map.json`, '{"two": "deux"}');
    for (const resume of [pth, dino, `${folder}/none.dino`]) {
      const options = { resume, classMap: `${folder}/map.json`, startEpoch: 3 };
      const error = await assertRejects(
        () => withStarted(options, () => {}),
        DinogradError,
        "beside it but found --resume",
      );
      assertEquals(error.kind, "usage");
      assert(error.message.includes("--pretrain_model_path FILE in place of --resume"), error.message);
    }
  });
});

Deno.test("data with other classes than the checkpoint's is told as that where a run continues at another epoch", async () => {
  await prepared(async ({ dino }) => {
    const classes = [{ id: 1, name: "one" }, { id: 2, name: "three" }, { id: 3, name: "two" }];
    const resume = () => withStarted({ resume: dino, startEpoch: 3 }, () => {}, { classes });
    const error = await assertRejects(resume, DinogradError, "expected data with the classes of the checkpoint");
    assertEquals(error.kind, "config");
    assert(error.message.includes("--finetune_ignore class_embed label_enc"), error.message);
    await withStarted({ resume: dino, startEpoch: 3, finetuneIgnore: ["class_embed", "label_enc"] }, ({ ui }) => {
      assertEquals(ui.warnings, [], "the remedy is one");
    }, { classes });
  });
});

Deno.test("a run that continues unchanged keeps its seed and says so, one that continues with changes takes the one given", async () => {
  await prepared(async ({ dino, pth }) => {
    const seedWith = async (options: Partial<TrainOptions>) => {
      let outcome: readonly [number, string] = [NaN, ""];
      await withStarted(options, ({ session, ui }) => {
        const told = [...ui.warnings, ...ui.lines].filter((line) => line.includes("seed"));
        outcome = [session.seed, told.join("\n")];
      });
      return outcome;
    };
    const [kept, line] = await seedWith({ resume: dino, seed: 77 });
    assertEquals(kept, 5);
    assert(line.startsWith("--seed: the checkpoint's 5 wins over 77, because a resumed run continues unchanged"), line);
    const change = "seed: 77 (--seed) from here on, 5 in the checkpoint";
    assertEquals(await seedWith({ resume: dino, seed: 77, startEpoch: 3 }), [77, change]);
    assertEquals(await seedWith({ resume: dino, seed: 77, finetuneIgnore: ["class_embed"] }), [77, change]);
    assertEquals(await seedWith({ resume: dino, seed: 5 }), [5, ""]);
    for (const options of [{}, { startEpoch: 3 }]) {
      assertEquals(await seedWith({ resume: dino, seed: null, ...options }), [5, ""]);
    }
    const config = await officialConfig();
    assertEquals(await seedWith({ resume: pth, seed: 77 }), [77, ""], "an official checkpoint has no random state");
    assertEquals(await seedWith({ resume: pth, seed: null }), [42, ""]);
    assertEquals(await seedWith({ config, seed: null }), [42, ""]);
  });
});

Deno.test("a keyword that matches nothing is told, and an epoch that the run does not have is refused", async () => {
  await prepared(async ({ dino, pth }) => {
    const changes = { resume: dino, finetuneIgnore: ["class_embed", "clas_embed"], freeze: ["bakbone"] };
    await withStarted(changes, ({ ui }) => {
      assert(ui.warnings.includes('--finetune_ignore: no parameter has "clas_embed" in its name'));
      assert(ui.warnings.includes('--freeze: no parameter has "bakbone" in its name'));
    });
    const config = await officialConfig();
    const wrong: Partial<TrainOptions>[] = [{ resume: dino, startEpoch: 5 }, { resume: pth, startEpoch: 17 }, {
      config,
      startEpoch: 5,
    }];
    for (const options of wrong) {
      const error = await assertRejects(() => withStarted(options, () => {}), DinogradError, "a first epoch in 0..4");
      assertEquals(error.kind, "usage");
    }
  });
});

Deno.test("frozen parameters are in no group and lose their moments, a resumed run keeps them so, and none frees them", async () => {
  await prepared(async ({ folder, dino }) => {
    const grouped = ({ session }: Started) =>
      session.groups.flatMap(({ parameters }) => parameters.map(([name]) => name));
    await withStarted({ resume: dino, freeze: ["backbone", "encoder"] }, async (started) => {
      const { session } = started;
      const isFrozen = (name: string) => name.includes("backbone") || name.includes("encoder");
      const parameters = [...session.model.parameters()];
      assert(parameters.some(([name]) => isFrozen(name)));
      assertEquals(grouped(started).sort(), parameters.map(([name]) => name).filter((name) => !isFrozen(name)).sort());
      assertEquals([...session.optimizer.state().steps.keys()].filter(isFrozen), []);
      const content = await session.capture({});
      assertEquals([...content.tensors.keys()].filter((key) => key.startsWith("optimizer/") && isFrozen(key)), []);
      assertEquals(new StateReader(content.state, "state").get("freeze").value, ["backbone", "encoder"]);
      await writeBundle(`${folder}/frozen.dino`, content, { compress: false });
    });
    await withStarted({ resume: `${folder}/frozen.dino` }, (started) => {
      assertEquals(grouped(started).filter((name) => name.includes("backbone")), []);
    });
    await withStarted({ resume: `${folder}/frozen.dino`, freeze: ["none"] }, (started) => {
      assert(grouped(started).some((name) => name.includes("backbone")));
    });
    const all = { resume: dino, freeze: [""] };
    assertEquals((await assertRejects(() => withStarted(all, () => {}), DinogradError)).kind, "usage");
  });
});
