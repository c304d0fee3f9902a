/** Other runtimes find what the model itself finds: every kind of backbone, both ways of sampling. */
import { assert, assertNotEquals } from "@std/assert";
import { type DinoConfig, preset, resolveConfig } from "../../../detector/config/mod.ts";
import {
  assertClose,
  checkExport,
  exported,
  foundBy,
  picture,
  runOnnx,
  type Runtime,
  shakenModel,
  SIZE,
  withBackbone,
} from "../../helpers/onnx_models.ts";
import { onCpu } from "../../helpers/on_cpu.ts";
import { TINY_BOTTLENECKS, TINY_CONVNEXT, TINY_SWIN } from "../../helpers/tiny_backbone.ts";
import { tinyConfig } from "../../helpers/tiny_model.ts";

const BOTH: readonly Runtime[] = ["node", "web"];

/** An official configuration with the tiny model's sizes. */
function officialConfig(changes: Partial<DinoConfig> = {}): DinoConfig {
  const base = preset("DINO_4scale");
  const { hidden_dim, nheads, dim_feedforward, num_classes, dn_labelbook_size } = tinyConfig();
  const sizes = { hidden_dim, nheads, dim_feedforward, num_classes, dn_labelbook_size };
  const few = { enc_layers: 2, dec_layers: 2, num_queries: 20, num_select: 15 };
  return resolveConfig({ ...sizes, ...few, ...changes }, { base }).config;
}

Deno.test("the cards' model: Node's runtime and the browser's, by GridSample and by gathering", () =>
  onCpu(async (device) => {
    const config = tinyConfig();
    const model = await shakenModel(device, config);
    await checkExport(model, { config }, BOTH);
    await checkExport(model, { config, sampling: "gather" }, BOTH);
    model.dispose();
  }));

for (
  const [title, architecture] of [
    ["a ResNet of bottlenecks", TINY_BOTTLENECKS],
    ["a Swin transformer", TINY_SWIN],
    ["a ConvNeXt", TINY_CONVNEXT],
  ] as const
) {
  Deno.test(`DINO-4scale with ${title}: Node's runtime and the browser's`, () =>
    onCpu(async (device) => {
      const config = officialConfig();
      const model = await shakenModel(device, config, withBackbone(config, architecture));
      await checkExport(model, { config }, BOTH);
      await checkExport(model, { config, size: [64, 128], sampling: "gather" });
      model.dispose();
    }));
}

Deno.test("boxes are in pixels of the original picture, whatever its size", () =>
  onCpu(async (device) => {
    const config = tinyConfig();
    const model = await shakenModel(device, config);
    const { bytes } = await exported(model, { config, size: SIZE });
    const { boxes, ...rest } = await foundBy(model, config);
    const [height, width] = SIZE;
    const size = [3 * height, 2 * width] as const;
    const found = await runOnnx("node", bytes, { data: picture(SIZE).data, size, of: SIZE });
    const expected = { ...rest, boxes: boxes.map((end, at) => end * (at % 2 === 0 ? 2 : 3)) };
    assertClose(found, expected, { longSide: Math.max(...size), what: "node" });
    model.dispose();
  }));

Deno.test("overlaps are suppressed and boxes are clipped where the configuration says so", () =>
  onCpu(async (device) => {
    const plain = tinyConfig();
    const model = await shakenModel(device, plain);
    model.bboxEmbed[0].layers[2].bias?.assign(Float32Array.of(0, 0, 3, 3)); // large boxes
    const all = await checkExport(model, { config: plain });
    const [few, within, both] = [{ nms_iou_threshold: 0.3 }, { clip_boxes: true }, {
      nms_iou_threshold: 0.3,
      clip_boxes: true,
    }].map((changes) => ({ ...plain, ...changes }));
    const suppressed = await checkExport(model, { config: few });
    assert(suppressed.scores.length < all.scores.length, "nothing overlapped");
    const clipped = await checkExport(model, { config: within });
    assertNotEquals([...clipped.boxes], [...all.boxes]);
    await checkExport(model, { config: both }, BOTH);
    model.dispose();
  }));
