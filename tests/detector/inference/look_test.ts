import { assert, assertAlmostEquals, assertEquals, assertRejects } from "@std/assert";
import { readImage } from "../../../detector/data/mod.ts";
import { encodePng } from "../../../detector/data/mod.ts";
import { LOOK_KINDS, type LookKind, TRAINING_LOOK_KINDS, type TrainingLookKind } from "../../../detector/config/mod.ts";
import { detect } from "../../../detector/inference/detect.ts";
import { detectImage } from "../../../detector/inference/detect_image.ts";
import { lookInside, placeOf } from "../../../detector/inference/look/inside.ts";
import { lookParts } from "../../../detector/inference/look/pictures.ts";
import { lookAtTraining, trainingParts } from "../../../detector/inference/look/training.ts";
import { Criterion } from "../../../detector/loss/criterion.ts";
import { matchingCosts } from "../../../detector/loss/matcher.ts";
import { matcherOptions } from "../../../detector/loss/criterion.ts";
import { DinogradError } from "../../../engine/errors.ts";
import { RandomStream } from "../../../engine/random.ts";
import { tensor } from "../../../engine/tensor.ts";
import { prepareForInference } from "../../../detector/data/mod.ts";
import { transformsOf } from "../../../detector/data/configured_transforms.ts";
import { inFolder } from "../../helpers/in_folder.ts";
import { onCpu } from "../../helpers/on_cpu.ts";
import { tinyConfig, tinySession, writeTinyModel } from "../../helpers/tiny_model.ts";

const random = RandomStream.named(3, "look");
const image = { width: 70, height: 50, data: Uint8Array.from({ length: 70 * 50 * 3 }, () => random.int(256)) };
const config = tinyConfig({ dn_number: 4 });
const size = { width: 640, height: 457, font: 14 };
const nameOf = (label: number) => `<class> ${label}`;

const sum = (values: ArrayLike<number>) => Array.from(values).reduce((total, value) => total + value, 0);

Deno.test("the inside of a pass is that of the detections, which it does not change", () =>
  onCpu(async (device) => {
    const { model } = tinySession(device, { config });
    model.evaluate();
    const before = await detectImage(model, image, { config });
    const inside = await lookInside(model, image, { config });
    assertEquals(await detectImage(model, image, { config }), before);

    const { queries, heads, points, shapes, references, sampling, attention, scores } = inside;
    assertEquals([queries, references.length - 1], [config.num_queries, config.dec_layers]);
    assertEquals([sampling.length, attention.length], [config.dec_layers, config.dec_layers]);
    assertAlmostEquals(Math.max(...scores), before.scores[0], 1e-6);
    const best = scores.indexOf(Math.max(...scores));
    const [x, y, w, h] = references[references.length - 1].slice(4 * best, 4 * best + 4);
    const expected = [(x - w / 2) * 70, (y - h / 2) * 50, (x + w / 2) * 70, (y + h / 2) * 50];
    expected.forEach((value, at) => assertAlmostEquals(value, before.boxes[at], 1e-3));

    const perHead = shapes.length * points;
    for (const { weights, locations } of sampling) {
      assertEquals([weights.length, locations.length], [queries * heads * perHead, 2 * queries * heads * perHead]);
      for (let at = 0; at < weights.length; at += perHead) {
        assertAlmostEquals(sum(weights.slice(at, at + perHead)), 1, 1e-5);
      }
    }
    for (const maps of attention) {
      assertEquals(maps.length, heads * queries * queries);
      for (let at = 0; at < maps.length; at += queries) {
        assertAlmostEquals(sum(maps.slice(at, at + queries)), 1, 1e-5);
      }
    }
    assertEquals(inside.tokenScores.length, sum(shapes.map(([height, width]) => height * width)));
    const ranked = [...inside.selected].map((token) => inside.tokenScores[token]);
    assertEquals(ranked, ranked.toSorted((a, b) => b - a));
  }));

Deno.test("a token's place counts rows and columns of its level", () => {
  const shapes = [[2, 3], [1, 2]] as const;
  assertEquals(placeOf(0, shapes), { level: 0, x: 0.5 / 3, y: 0.25 });
  assertEquals(placeOf(5, shapes), { level: 0, x: 2.5 / 3, y: 0.75 });
  assertEquals(placeOf(7, shapes), { level: 1, x: 0.75, y: 0.5 });
});

Deno.test("pictures show what they are about, with names that mean something in XML escaped by the drawing", () =>
  onCpu(async (device) => {
    const { model } = tinySession(device, { config });
    const inside = await lookInside(model.evaluate(), image, { config });
    const drawn = (kind: LookKind, query?: number) => lookParts(kind, inside, { query, nameOf })(size);
    const count = (marks: readonly string[]) => marks.filter((mark) => /<(circle|polygon)/.test(mark)).length;
    assertEquals(count(drawn("sampling").marks), inside.heads * inside.points * inside.shapes.length);
    assertEquals(count(drawn("queries").marks), inside.queries);
    assertEquals(count(drawn("selection").marks), inside.queries);
    assertEquals(count(drawn("anchors", 3).marks), inside.references.length);
    assert(drawn("sampling", 4).caption[0].startsWith("query 4: <class> "));
    assert(drawn("attention", 2).caption[0].startsWith("query 2: "));
    assert(drawn("attention", 2).marks.length > 10);
  }));

Deno.test("a look at training shows the matches of the criterion and the noised boxes, and leaves the model as it was", () =>
  onCpu(async (device) => {
    const { model } = tinySession(device, { config });
    model.evaluate();
    const target = { boxes: [0.3, 0.4, 0.2, 0.3, 0.7, 0.6, 0.3, 0.2], labels: [1, 3] };
    const view = await lookAtTraining(model, { image, target }, { config });
    assert([...model.modules()].every(([, module]) => !module.training));
    assertEquals([view.padSize, view.noised.length, view.restored.length], [
      view.groups * 4,
      view.padSize * 4,
      view.padSize * 4,
    ]);
    // The near copy of the first object lies within half of its size of it, the scale being less than 1.
    for (let k = 0; k < 2; k++) assert(Math.abs(view.noised[k] - target.boxes[k]) < target.boxes[k + 2] * 0.5);

    const { pixels, shape: [channels, height, width] } = prepareForInference(image, transformsOf(config, false));
    const outputs = model.forward({
      images: tensor(device, pixels, [1, channels, height, width]),
      mask: new Uint8Array(height * width),
    });
    const { matches } = await new Criterion(config).losses(outputs, [target], { training: false });
    const [{ queries, objects }] = matches.get("final")!;
    const costs = matchingCosts(view.predictions, target, matcherOptions(config));
    const { caption } = trainingParts("matches", view, { config, nameOf })(size);
    [...queries].forEach((query, at) => {
      const cost = costs[query * 2 + objects[at]].toFixed(2);
      assert(
        caption.includes(`${nameOf(target.labels[objects[at]])}: query ${query}, cost ${cost}`),
        caption.join("; "),
      );
    });
    assert(
      trainingParts("denoising", view, { config, nameOf })(size).caption[0].includes(`${view.groups} denoising groups`),
    );
    const empty = await lookAtTraining(model, { image, target: { boxes: [], labels: [] } }, { config });
    for (const kind of Object.keys(TRAINING_LOOK_KINDS) as TrainingLookKind[]) {
      assert(trainingParts(kind, empty, { config, nameOf })(size).caption.length > 0);
    }
  }));

Deno.test("detect --show writes a picture of each kind; a query too many and a missing folder are said first", () =>
  inFolder(async (folder) => {
    await writeTinyModel(`${folder}/model.dino`);
    await Deno.writeFile(`${folder}/a.png`, encodePng(image));
    const show = Object.keys(LOOK_KINDS) as LookKind[];
    const call = {
      ...{ images: [`${folder}/a.png`], checkpoint: `${folder}/model.dino`, out: `${folder}/out`, show },
      ...{ device: "cpu", threads: 1, numWorkers: 0 } as const,
    };
    await detect(call);
    const names = [...Deno.readDirSync(`${folder}/out`)].map(({ name }) => name).sort();
    assertEquals(names, ["a.jpg", ...show.map((kind) => `a.${kind}.jpg`), "detections.json"].sort());
    const picture = await readImage(`${folder}/out/a.sampling.jpg`);
    assert(picture.width === 640 && picture.height > 457, "the caption lies below the image");

    const refused = [
      [{ ...call, query: 10 }, "--query: expected a query from 0 to 9 but found 10"],
      [{ ...call, out: null }, "--show sampling anchors queries selection attention: expected a folder"],
      [{ ...call, show: [], query: 1 }, "--query 1: expected --show with it but found none"],
    ] as const;
    for (const [options, message] of refused) {
      const error = await assertRejects(() => detect(options), DinogradError);
      assert(error.kind === "usage" && error.message.startsWith(message), error.message);
    }
  }));
