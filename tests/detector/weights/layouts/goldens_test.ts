import { assert, assertEquals } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { type DinoConfig, preset, resolveConfig } from "../../../../detector/config/mod.ts";
import { buildBackbone } from "../../../../detector/model/backbone/build.ts";
import { buildDino } from "../../../../detector/model/mod.ts";
import {
  applyLoad,
  cocoClasses,
  keysWith,
  type NamedWeight,
  planLoad,
  recogniseLayout,
  spreadClasses,
} from "../../../../detector/weights/mod.ts";
import { describeForeign } from "../../../../detector/weights/layouts/foreign.ts";
import { MMDET } from "../../../../detector/weights/layouts/mmdet.ts";
import { translate } from "../../../../detector/weights/layouts/translate.ts";
import { withoutGradient } from "../../../../engine/autograd.ts";
import type { Device } from "../../../../engine/device/device.ts";
import { ZeroStream } from "../../../../engine/random.ts";
import { scope } from "../../../../engine/scope.ts";
import { tensor } from "../../../../engine/tensor.ts";
import { compareTensor, Worst } from "../../../helpers/compare.ts";
import { deviceTest } from "../../../helpers/devices.ts";
import { foreignNames, type ForeignProgram, isMerged, unfolded } from "../../../helpers/foreign_files.ts";
import { formula, paramValues } from "../../../helpers/formula.ts";
import { type FullGolden, runFullGolden } from "../../../helpers/full_goldens.ts";
import { configOf } from "../../../helpers/golden_models.ts";
import { type DetectorCase, foreignWeights, layoutGoldens } from "../../../helpers/layout_goldens.ts";
import { tinyBackboneOptions } from "../../../helpers/tiny_backbone.ts";

const FOLDER = Deno.env.get("DINOGRAD_GOLDENS") || fromFileUrl(new URL("../../../goldens", import.meta.url));

const ids = cocoClasses().map(({ id }) => id);

/** The model of a file in another program's names, and its outputs, with the positions of each case. */
async function compareCases(cases: readonly DetectorCase[], device: Device): Promise<void> {
  using _ = scope();
  const weights: Map<string, NamedWeight> = foreignWeights(cases[0]);
  for (const [name, shape] of cases[0].integers) {
    weights.set(name, { dtype: "i64", shape, read: () => Promise.reject(new Error("nobody counts batches")) });
  }
  const layout = recogniseLayout(weights, "golden");
  assertEquals(layout?.name, cases[0].program);
  if (layout === null) return;
  const translated = translate(weights, layout, "golden");
  const { config } = describeForeign(translated, layout, undefined);
  assertEquals([config.backbone, config.num_feature_levels, config.return_interm_indices, config.num_classes], [
    cases[0].backbone,
    cases[0].levels,
    cases[0].outputs,
    ids.length,
  ]);
  const spread = spreadClasses(translated, { ids, rows: 91 });
  for (const { id, positions: [temperature, offset], inputs: { image }, expected } of cases) {
    const own: DinoConfig = resolveConfig({
      ...config,
      ...{ num_classes: 91, dn_labelbook_size: 91, num_select: 20 },
      ...{ pe_temperatureH: temperature, pe_temperatureW: temperature, pe_offset: offset },
    }, { base: preset("DINO_4scale") }).config;
    const model = buildDino({ device, random: new ZeroStream() }, own).evaluate();
    const plan = planLoad(model, spread);
    for (const outcome of ["missing", "unexpected", "shape mismatch"] as const) {
      assertEquals(keysWith(plan, outcome), [], id);
    }
    await applyLoad(plan);
    const [channels, height, width] = image.shape;
    const images = tensor(device, formula(image), [1, channels, height, width]);
    const { predLogits, predBoxes } = withoutGradient(() =>
      model.forward({ images, mask: new Uint8Array(height * width) })
    );
    const logits = await predLogits.data();
    const worst = new Worst();
    const queries = predLogits.shape[1];
    const rows = Array.from({ length: queries }, (_, query) => logits.subarray(query * 91, (query + 1) * 91));
    // Rows of no category never win, and those of the others are the program's own.
    assert(rows.every((row) => row.every((value, at) => ids.includes(at) || value === -1e4)), id);
    const contiguous = Float32Array.from(rows.flatMap((row) => ids.map((at) => row[at])));
    compareTensor(worst, "logits", { got: contiguous, expected: expected.logits });
    compareTensor(worst, "boxes", { got: await predBoxes.data(), expected: expected.boxes });
    worst.requireAll(expected);
    assert(worst.ratio <= 1, `${id}: ${worst.where} is off by ${worst.ratio} tolerances`);
    model.dispose();
  }
}

for (const program of ["detrex", "mmdet", "co-dino"]) {
  deviceTest(`the numbers of ${program} are those of its own modules`, async ({ cpu: [, device] }) => {
    const { detectors } = await layoutGoldens();
    const cases = detectors.filter((one) => one.program === program);
    assert(cases.length > 0);
    // The weights of a program's cases have names of their own.
    for (const one of cases) await compareCases([one], device);
  });
}

deviceTest(
  "MMDetection's Swin transformer merges patches as ours does with its weights",
  async ({ cpu: [, device] }) => {
    using _ = scope();
    const { swin } = await layoutGoldens();
    const weights: Map<string, NamedWeight> = foreignWeights(swin);
    for (const [name, values] of swin.integers) {
      const data = new Uint8Array(BigInt64Array.from(values, BigInt).buffer);
      const side = Math.sqrt(values.length);
      weights.set(name, {
        dtype: "i64",
        shape: [side, side],
        read: () => Promise.resolve({ dtype: "i64", shape: [side, side], data }),
      });
    }
    const translated = translate(weights, { ...MMDET, rules: [] }, "golden");
    const architecture = { kind: "swin", ...swin.architecture } as const;
    const options = tinyBackboneOptions({ architecture, outputs: 3, dilation: false, dropPathRate: 0 });
    const backbone = buildBackbone({ device, random: new ZeroStream() }, options).evaluate();
    const own = new Map([...translated].map(([name, weight]) => [name.replace("backbone.0.", ""), weight]));
    const plan = planLoad(backbone, own);
    for (const outcome of ["missing", "unexpected", "shape mismatch"] as const) {
      assertEquals(
        keysWith(plan, outcome),
        [],
      );
    }
    const before = new Map([...backbone.stateDict()].filter(([name]) => name.endsWith("position_index")));
    const indices = await Promise.all([...before.values()].map(async (one) => [...await one.data()]));
    await applyLoad(plan);
    const after = await Promise.all([...before.values()].map(async (one) => [...await one.data()]));
    assertEquals(after, indices, "distances are counted alike");
    const { image } = swin.inputs;
    const [channels, height, width] = image.shape;
    const features = withoutGradient(() =>
      backbone.forward(tensor(device, formula(image), [1, channels, height, width]))
    );
    const worst = new Worst();
    for (const [at, [name, expected]] of Object.entries(swin.expected).entries()) {
      compareTensor(worst, name, { got: await features[at].data(), expected });
    }
    worst.requireAll(swin.expected);
    assert(worst.ratio <= 1, `${worst.where} is off by ${worst.ratio} tolerances`);
    backbone.dispose();
  },
);

deviceTest(
  "a golden's weights under other programs' names are the same ones, and give the golden's numbers",
  async ({ cpu: [, device] }) => {
    const golden: FullGolden = JSON.parse(await Deno.readTextFile(`${FOLDER}/full_tiny.json`));
    const { dec_layers: layers = 6, return_interm_indices: maps = [1, 2, 3], num_classes: classes = 91 } = golden
      .config_values as Partial<DinoConfig>;
    const values = paramValues(golden.params);
    const byProgram = new Map<ForeignProgram, Map<string, Float32Array>>();
    for (const program of ["detrex", "mmdet", "co-dino"] as const) {
      const weights = new Map<string, NamedWeight>();
      const made = new Map<string, NamedWeight>();
      for (const [name, { shape, data }] of values) {
        const isLabels = name === "label_enc.weight";
        const kept = isLabels
          ? { shape: [classes, shape[1]], data: data.subarray(0, classes * shape[1]) }
          : { shape, data };
        const saved = isMerged(name, program) ? unfolded(kept) : kept;
        const stored = {
          dtype: "f32",
          shape: saved.shape,
          data: new Uint8Array(saved.data.buffer, 0, saved.data.byteLength),
        } as const;
        const foreign = foreignNames(name, { program, layers, outputs: maps.length });
        // A user's own configuration of MMDetection may have these biases.
        const [at, outputs] = [Number(name.split(".")[1]), maps.length];
        if (foreign.length === 0 && name.startsWith("input_proj.")) {
          foreign.push(at < outputs ? `neck.convs.${at}.conv.bias` : `neck.extra_convs.${at - outputs}.conv.bias`);
        }
        const weight = { ...stored, read: () => Promise.resolve(stored) };
        made.set(name, weight);
        for (const key of foreign) weights.set(key, weight);
      }
      const layout = recogniseLayout(weights, program);
      assertEquals(layout?.name, program);
      const translated = layout ? translate(weights, layout, program) : new Map<string, NamedWeight>();
      assertEquals([...translated.keys()].toSorted(), [...values.keys()].toSorted());
      const own = new Map<string, Float32Array>();
      for (const [name, { data, shape }] of values) {
        const weight = translated.get(name);
        if (weight !== undefined && weight === made.get(name)) own.set(name, data);
        else {
          const found = new Float32Array((await weight?.read())?.data.slice().buffer ?? new ArrayBuffer());
          // The row of no label is of no use in detection.
          const used = name === "label_enc.weight" ? classes * shape[1] : data.length;
          assertEquals([found.length, [...found.subarray(0, used)]], [data.length, [...data.subarray(0, used)]], name);
          own.set(name, found);
        }
      }
      byProgram.set(program, own);
    }
    // All three are the golden's, value by value: one of them is run.
    const { ratio, where } = await runFullGolden(golden, device, (on, one) => {
      const model = buildDino({ device: on, random: new ZeroStream() }, configOf(one));
      for (const [name, data] of byProgram.get("detrex") ?? []) model.stateDict().get(name)?.assign(data);
      return model;
    });
    assert(ratio <= 1, `${where} is off by ${ratio} tolerances`);
  },
);
