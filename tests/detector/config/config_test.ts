import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { DinogradError } from "../../../engine/errors.ts";
import {
  CONFIG_GROUPS,
  CONFIG_KEYS,
  configKeys,
  defaultConfig,
  describeUnused,
  diffConfigs,
  formatJsonConfig,
  formatPythonConfig,
  groupMatters,
  groupOf,
  loadConfig,
  parseOptions,
  preset,
  PRESET_NAMES,
  resolveConfig,
} from "../../../detector/config/mod.ts";
import { nearestName } from "../../../detector/config/nearest.ts";

/** Loads from files that exist in memory only. */
function load(name: string, files: Record<string, string> = {}, options?: string[]) {
  const readText = (path: string) => {
    return path in files ? Promise.resolve(files[path]) : Promise.reject(new Error("no such file"));
  };
  return loadConfig(name, { readText, ...(options ? { options } : {}) });
}

function presetOf(name: string) {
  const config = preset(name);
  if (config === undefined) throw new Error(`no preset ${name}`);
  return config;
}

Deno.test("every preset is a valid configuration that survives being written and read", async () => {
  for (const name of PRESET_NAMES) {
    const { config } = await load(name);
    assertEquals(config, preset(name));
    assertEquals((await load("a.py", { "a.py": formatPythonConfig(config) })).config, config, name);
    assertEquals((await load("a.json", { "a.json": formatJsonConfig(config) })).config, config, name);
  }
});

Deno.test("a written configuration tells nothing of keys without effect when it is read, but for those that were set", async () => {
  const config = { ...presetOf("DINO_4scale"), dln_xy_noise: 0.5 };
  for (const [name, text] of [["a.py", formatPythonConfig(config)], ["a.json", formatJsonConfig(config)]]) {
    const read = await load(name, { [name]: text });
    assertEquals(read.unused, ["dln_xy_noise"]);
    assertEquals(read.config, config);
  }
});

Deno.test("every default passes its own check and belongs to one group", () => {
  for (const key of configKeys()) {
    const { read, default: initial } = CONFIG_KEYS[key];
    assertEquals(read(initial), initial, key);
    assert(CONFIG_GROUPS.includes(groupOf(key)));
  }
});

Deno.test("the presets differ from one another as the official files do", () => {
  const changed = (name: string) =>
    CONFIG_GROUPS.flatMap((group) => diffConfigs(defaultConfig(), presetOf(name))[group].map(({ key }) => key)).sort();
  assertEquals(changed("DINO_4scale"), []);
  assertEquals(changed("DINO_5scale"), ["batch_size", "num_feature_levels", "return_interm_indices"]);
  assertEquals(changed("DINO_4scale_swin"), ["backbone", "use_checkpoint"]);
  assertEquals(changed("DINO_4scale_convnext"), ["backbone"]);
});

Deno.test("base files are merged under the file that names them, relative to its folder", async () => {
  const files = {
    "configs/run.py": "_base_ = ['parts/data.py', 'parts/model.py']\nlr = 3e-4",
    "configs/parts/data.py": "data_aug_scales = [480]\n_base_ = 'more.json'",
    "configs/parts/model.py": "enc_layers = 3\nlr = 1",
    "configs/parts/more.json": '{"data_aug_max_size": 640}',
  };
  const { config } = await load("configs/run.py", files);
  assertEquals([config.lr, config.enc_layers, config.data_aug_scales, config.data_aug_max_size], [3e-4, 3, [480], 640]);
});

Deno.test("bases that share a key, form a circle or are missing are refused", async () => {
  const refused: [Record<string, string>, string][] = [
    [{ "a.py": "_base_ = ['b.py', 'c.py']", "b.py": "lr = 1", "c.py": "lr = 2" }, "found lr in two of them"],
    [{ "a.py": "_base_ = 'b.py'", "b.py": "_base_ = 'a.py'" }, "without a circle but found a.py > b.py > a.py"],
    [{ "a.py": "_base_ = ['coco_transformer.py']" }, "config file coco_transformer.py (a _base_ of a.py)"],
  ];
  for (const [files, message] of refused) await assertRejects(() => load("a.py", files), DinogradError, message);
});

Deno.test("options follow the official rules and may also be Python literals", async () => {
  const { config } = await load("DINO_4scale", {}, [
    "embed_init_tgt=FALSE",
    "lr=1e-3",
    "backbone_freeze_keywords=none",
    "lr_drop_list=5,7",
    "data_aug_scales=[320, 352]",
    "return_interm_indices=[0,1,2,3]",
    "data_aug_scales2_resize.1=444",
    "lr_backbone_names=backbone.0",
    "decoder_module_seq=['ca','sa','ffn']",
  ]);
  assertEquals(config.embed_init_tgt, false);
  assertEquals(config.lr, 1e-3);
  assertEquals(config.backbone_freeze_keywords, null);
  assertEquals(config.lr_drop_list, [5, 7]);
  assertEquals(config.data_aug_scales, [320, 352]);
  assertEquals(config.return_interm_indices, [0, 1, 2, 3]);
  assertEquals(config.data_aug_scales2_resize, [400, 444, 600]);
  assertEquals(config.lr_backbone_names, ["backbone.0"]);
  assertEquals(config.decoder_module_seq, ["ca", "sa", "ffn"]);
});

Deno.test("an option of a later item wins and an option wins over the file", async () => {
  const { config } = await load("a.py", { "a.py": "lr = 1" }, ["lr=2", "lr=3"]);
  assertEquals(config.lr, 3);
});

Deno.test("an unknown key is an error that names the nearest known one", async () => {
  const error = await assertRejects(() => load("DINO_4scale", {}, ["dn_labebook_size=92"]), DinogradError);
  assertEquals(error.kind, "usage");
  assertStringIncludes(error.message, "found dn_labebook_size; did you mean dn_labelbook_size?");
  await assertRejects(() => load("a.py", { "a.py": "num_class = 3" }), DinogradError, "did you mean num_classes?");
});

Deno.test("keys that no code reads are accepted and listed in one line", async () => {
  const resolved = await load("a.py", { "a.py": "dln_xy_noise = 0.3\nenc_loss_coef = 2" }, ["dn_scalar=100"]);
  const line = describeUnused(resolved) ?? "";
  for (const key of ["dln_xy_noise", "enc_loss_coef", "dn_scalar"]) assertStringIncludes(line, key);
  assert(!line.includes("\n"));
  assertEquals(describeUnused(await load("DINO_5scale")), undefined);
});

Deno.test("the configuration that the official code writes into its output folder is read", async () => {
  const path = fromFileUrl(new URL("../inference/fixtures/official/config_cfg.py", import.meta.url));
  const { config, unused } = await loadConfig(path, { readText: (file) => Deno.readTextFile(file) });
  const changes = {
    data_aug_scales: [64, 96],
    data_aug_max_size: 160,
    num_classes: 7,
    dn_labelbook_size: 7,
    enc_layers: 1,
    dec_layers: 2,
    dim_feedforward: 64,
    num_queries: 24,
    num_select: 40,
  };
  assertEquals(config, { ...defaultConfig(), ...changes });
  assertEquals(unused.length, 15);
});

Deno.test("a dump of all official arguments is read, its flags passed over", async () => {
  const resolved = await load("all.json", { "all.json": '{"output_dir": "o", "device": "cuda", "enc_layers": 4}' });
  assertEquals(resolved.config.enc_layers, 4);
  assertEquals(resolved.flags, ["output_dir", "device"]);
});

Deno.test("values of the wrong type or range, and features left out, are refused in words", () => {
  const refused: [Record<string, boolean | number | string | number[] | null>, string][] = [
    [{ enc_layers: 1.5 }, "expected enc_layers to be an integer from 0 to 100 but found 1.5"],
    [{ lr: -1 }, "expected lr to be a number of at least 0 but found -1"],
    [{ use_ema: 1 }, "expected use_ema to be True or False but found 1"],
    [{ pe_temperatureH: 0 }, "expected pe_temperatureH to be a number greater than 0 but found 0"],
    [
      { backbone_drop_path_rate: 1 },
      "expected backbone_drop_path_rate to be a number of at least 0 and less than 1, or None but found 1",
    ],
    [{ backbone_depths: [1, 0] }, "expected backbone_depths to be a list of integers, each from 1 to 256"],
    [{ num_patterns: 4 }, "expected num_patterns to be 0 (dinograd has no anchor patterns) but found 4"],
    [{ backbone: "vgg" }, "expected backbone to be one of resnet18, resnet50"],
    [
      { masks: true },
      "expected masks to be False (dinograd has no mask or panoptic segmentation) but found True",
    ],
    [{ two_stage_type: "no" }, "(dinograd has no decoder without encoder proposals)"],
    [{ return_interm_indices: [2, 3] }, "to be [0, 1, 2, 3], [1, 2, 3] or [3] but found [2, 3]"],
    [{ num_feature_levels: 2 }, "num_feature_levels to be at least the 3 levels"],
    [{ hidden_dim: 100 }, "hidden_dim to be a multiple of nheads=8"],
    [{ dn_labelbook_size: 20 }, "dn_labelbook_size to be at least num_classes - 1 = 90, or to be left out,"],
    [{ num_queries: 2, num_select: 300 }, "num_select to be at most num_queries x num_classes = 182"],
    [{ onecyclelr: true, multi_step_lr: true }, "one of onecyclelr and multi_step_lr"],
  ];
  for (const [given, message] of refused) {
    const error = assertThrows(() => resolveConfig(given), DinogradError, message);
    assertEquals(error.kind, "usage");
  }
});

Deno.test("what a key expects is said in words: round bounds, and features as dinograd has no ...", () => {
  for (const key of configKeys()) {
    const { expects, use } = CONFIG_KEYS[key];
    assert(!/\d\.\d{3}|\de[+-]\d/.test(expects), `${key}: ${expects}`);
    if (use === "left out") assertMatch(expects, /^\S+ \(dinograd has no [^()]+\)$/, key);
  }
});

Deno.test("an option without = is told under the name of its flag", () => {
  assertThrows(() => parseOptions(["lr"]), DinogradError, "--options: expected key=value but found lr");
  assertThrows(() => parseOptions(["lr"], "--override"), DinogradError, "--override: expected key=value but found lr");
  assertThrows(() => parseOptions(["a=[1"], "--override"), DinogradError, "--override a");
});

Deno.test("a wrong -c is answered with what there is", async () => {
  await assertRejects(() => load("DINO_4scal"), DinogradError, "did you mean DINO_4scale?");
  await assertRejects(() => load("card"), DinogradError, "did you mean cards?");
  await assertRejects(
    () => load("config/DINO/DINO_5scale.py"),
    DinogradError,
    "the preset of that name is -c DINO_5scale",
  );
  await assertRejects(() => load("model.yaml"), DinogradError, "presets are DINO_4scale");
  await assertRejects(() => load("a.json", { "a.json": "[1]" }), DinogradError, "expected an object of config keys");
});

Deno.test("differences are listed by group with both values", () => {
  const difference = diffConfigs(defaultConfig(), {
    ...defaultConfig(),
    enc_layers: 2,
    lr: 1e-3,
    use_checkpoint: true,
  });
  assertEquals(difference.model, [{ key: "enc_layers", before: 6, after: 2 }]);
  assertEquals(difference.optimizer, [{ key: "lr", before: 1e-4, after: 1e-3 }]);
  assertEquals(difference.data, []);
  assertEquals(difference.runtime, [{ key: "use_checkpoint", before: false, after: true }]);
  assertEquals(CONFIG_GROUPS.filter(groupMatters), ["model", "optimizer", "data"]);
});

Deno.test("the nearest name forgives slips but does not guess", () => {
  const known = ["num_classes", "lr", "lr_drop", "output_dir"];
  assertEquals(nearestName("num-classes", known), "num_classes");
  assertEquals(nearestName("num_clases", known), "num_classes");
  assertEquals(nearestName("ouptut_dir", known), "output_dir");
  assertEquals(nearestName("c", known), undefined);
  assertEquals(nearestName("something_else", known), undefined);
});

Deno.test("the comment on every key of the configuration's type says what the table of keys says", async () => {
  const source = await Deno.readTextFile(new URL("../../../detector/config/dino_config.ts", import.meta.url));
  for (const key of configKeys()) {
    const comment = new RegExp(`  /\\*\\* (.*) \\*/\\n  readonly ${key}:`).exec(source)?.[1];
    const about = CONFIG_KEYS[key].about.replace(/^\+ /, "");
    const own = CONFIG_KEYS[key].about.startsWith("+ ") ? " Dinograd's own key." : "";
    assertEquals(comment, `${about[0].toUpperCase()}${about.slice(1)}.${own}`, key);
  }
});

Deno.test("the label book need not be given: as large as the classes in a file, and large enough over a preset", async () => {
  const size = async (...call: Parameters<typeof load>) => (await load(...call)).config.dn_labelbook_size;
  const files = { "a.py": "num_classes=5\n", "b.py": "num_classes=91\ndn_labelbook_size=91\n", "c.py": "lr=0.1\n" };
  assertEquals(await size("a.py", files), 5, "as the official code has it where the key is absent");
  assertEquals(await size("c.py", files), 91);
  assertEquals(await size("DINO_4scale", {}, ["num_classes=5"]), 91, "the preset's own, as in the official code");
  assertEquals(await size("DINO_4scale", {}, ["num_classes=366"]), 366);
  assertEquals(await size("cards", {}, ["num_classes=20"]), 20);
  assertEquals(await size("b.py", files, ["num_classes=200"]), 200);
  assertEquals(await size("b.py", files, ["num_classes=5"]), 91);
  assertEquals(await size("a.py", files, ["num_classes=9"]), 9);
  assertEquals(resolveConfig({ num_classes: 30 }, { base: presetOf("cards") }).config.dn_labelbook_size, 30);
  await assertRejects(
    () => size("DINO_4scale", {}, ["num_classes=200", "dn_labelbook_size=91"]),
    DinogradError,
    "dn_labelbook_size to be at least num_classes - 1 = 199, or to be left out, but found dn_labelbook_size=91",
  );
});

Deno.test("every number in a configuration has bounds within which a model can be built, or does not size one", () => {
  const sizes = [
    "num_classes",
    "num_queries",
    "hidden_dim",
    "enc_layers",
    "dn_number",
    "batch_size",
    "epochs",
  ] as const;
  for (const key of sizes) {
    for (const value of [-1, 1e9, Number.MAX_SAFE_INTEGER]) {
      const { message } = assertThrows(() => resolveConfig({ [key]: value }), DinogradError, `expected ${key} to be`);
      assert(message.includes(CONFIG_KEYS[key].expects) && message.includes(`found ${value}`), message);
    }
  }
  assertThrows(
    () => resolveConfig({ epochs: 0 }),
    DinogradError,
    "epochs to be an integer from 1 to 1000000 but found 0",
  );
  assertThrows(() => resolveConfig({ num_queries: 100_000 }), DinogradError, "num_queries to be an integer from 1 to");
});
