/** What the page on exports says, tried: its JavaScript, as it stands there, and that no runtime comes with the package. */
import { assert, assertEquals } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { encodePng } from "../../../detector/data/mod.ts";
import { inFolder } from "../../helpers/in_folder.ts";
import { exported, foundBy, picture, shakenModel } from "../../helpers/onnx_models.ts";
import { onCpu } from "../../helpers/on_cpu.ts";
import { tinyConfig } from "../../helpers/tiny_model.ts";

const ROOT = fromFileUrl(new URL("../../../", import.meta.url));
const SIZE = [64, 80] as const;
const [HEIGHT, WIDTH] = SIZE;

/** What a page has and Deno lacks: a canvas (for pictures of its own size) and files by relative addresses. */
const PAGE = `
globalThis.fetch = async (name) => new Response(await Deno.readFile(String(name).replace(/^file:\\/\\//, "")));
globalThis.createImageBitmap = (blob) => blob.arrayBuffer().then((bytes) => {
  const { width, height, data } = PNG.sync.read(new Buffer(bytes));
  return { width, height, data };
});
globalThis.OffscreenCanvas = class {
  constructor(width, height) {
    this.getContext = () => ({
      drawImage: (bitmap, x, y, w, h) => {
        if (x !== 0 || y !== 0 || w !== width || h !== height) throw new Error("not the whole canvas");
        if (bitmap.width !== w || bitmap.height !== h) throw new Error("this canvas does not resize");
        this.data = bitmap.data;
      },
      getImageData: () => ({ data: new Uint8ClampedArray(this.data) }),
    });
  }
};
`;

const logit = (p: number) => Math.log(p / (1 - p));

async function outputOf(args: readonly string[], cwd: string): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd,
    env: { NO_COLOR: "1" },
  }).output();
  assert(success, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}

Deno.test("the page's JavaScript prints what the model itself finds", () =>
  inFolder(async (folder) => {
    const [example] = /(?<=^```js\n)[\s\S]*?(?=^```)/m.exec(Deno.readTextFileSync(`${ROOT}docs/export.md`)) ?? [""];
    assert(example.includes("onnxruntime-web") && example.trimEnd().split("\n").length <= 16);
    const expected = await onCpu(async (device) => {
      const config = tinyConfig();
      const model = await shakenModel(device, config);
      // Some are to be above 0.3, some below.
      const { scores: [...before] } = await foundBy(model, config, SIZE);
      const middle = logit(0.3) - (logit(before[before.length / 2]) + logit(before[before.length / 2 - 1])) / 2;
      const { bias } = model.classEmbed[0];
      bias?.assign(Float32Array.from(await bias.data(), (value) => value + middle));
      const { bytes } = await exported(model, { config, size: SIZE });
      await Deno.writeFile(`${folder}/model.onnx`, bytes);
      const { scores, labels, boxes } = await foundBy(model, config, SIZE);
      model.dispose();
      return Array.from(scores, (score, i) => [labels[i], score, ...boxes.subarray(4 * i, 4 * i + 4)]);
    });
    await Deno.writeFile(`${folder}/street.png`, await encodePng(picture(SIZE)));
    await Deno.writeTextFile(
      `${folder}/page.js`,
      `import { PNG } from "pngjs";\nimport { Buffer } from "node:buffer";\n${PAGE}`,
    );
    await Deno.writeTextFile(`${folder}/example.js`, `import "./page.js";\n${example}`);
    const text = await outputOf(["run", "-A", "--no-check", "--config", `${ROOT}deno.json`, "example.js"], folder);
    const numbers = text.replaceAll(/Float32Array\(4\)/g, "").match(/-?[\d.]+(e-?\d+)?/g)?.map(Number) ?? [];
    const above = expected.filter(([, score]) => score >= 0.3);
    assert(above.length > 0 && above.length < expected.length, `${above.length} of ${expected.length} above 0.3`);
    assertEquals(numbers.length, above.length * 6, text);
    above.flat().forEach((value, at) => assert(Math.abs(value - numbers[at]) < 2e-3, `${value} and ${numbers[at]}`));
    assert(Math.max(...numbers) <= 2 * Math.max(HEIGHT, WIDTH), "pixels of the picture");
  }));

Deno.test("no runtime and no reader of ONNX is part of the package", async () => {
  for (const face of ["mod.ts", "cli.ts"]) {
    const { modules } = JSON.parse(await outputOf(["info", "--json", face], ROOT));
    const names = modules.map(({ specifier }: { specifier: string }) => specifier) as string[];
    assert(names.some((name) => name.endsWith("detector/export/export_onnx.ts")), `${face} exports nothing`);
    assertEquals(names.filter((name) => /npm:.*onnx/.test(name)), []);
  }
});
