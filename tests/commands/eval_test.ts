import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { inFolder } from "../helpers/in_folder.ts";
import { errorLine, runCli } from "../helpers/run_cli.ts";

const folder = Deno.env.get("DINOGRAD_GOLDENS") ?? fromFileUrl(new URL("../goldens", import.meta.url));
const files = ["--gt", join(folder, "coco_gt.json"), "--dt", join(folder, "coco_dt.json")];

Deno.test("eval --json prints the twelve numbers of two files and nothing else", async () => {
  const expected = JSON.parse(await Deno.readTextFile(join(folder, "coco_expected.json")));
  const all = expected.cases.find((golden: { params: object; empty?: boolean }) => {
    return Object.keys(golden.params).length === 0 && !golden.empty;
  });
  const { code, stdout, stderr } = await runCli(["eval", ...files, "--json"]);
  assertEquals(code, 0);
  assertMatch(stderr, /^warning: .*coco_dt\.json: no entry for \d+ of 50 images: objects there count as missed\n$/);
  const { stats, ...rest } = JSON.parse(stdout);
  assertEquals([Object.keys(stats), rest], [expected.stat_names, {}]);
  all.stats.forEach((value: number, i: number) => {
    assert(Math.abs(stats[expected.stat_names[i]] - value) <= 1e-12, expected.stat_names[i]);
  });
});

Deno.test("eval prints tables for people, by class on request", async () => {
  const { code, stdout } = await runCli(["eval", ...files, "--per_class"]);
  assertEquals(code, 0);
  const truth = JSON.parse(await Deno.readTextFile(join(folder, "coco_gt.json")));
  for (const { name } of truth.categories) assertStringIncludes(stdout, name);
  assertStringIncludes(stdout, "APsmall");
});

Deno.test("eval of files that are missing or are not COCO files is exit code 3 and one line naming the file", async () => {
  const missing = await runCli(["eval", "--gt", "nowhere.json", "--dt", "nowhere.json"]);
  assertEquals(missing.code, 3);
  assertStringIncludes(errorLine(missing), "nowhere.json");
  const swapped = await runCli(["eval", "--gt", join(folder, "coco_dt.json"), "--dt", join(folder, "coco_dt.json")]);
  assertEquals(swapped.code, 3);
  assertStringIncludes(errorLine(swapped), "coco_dt.json: expected a COCO object");
});

Deno.test("a detection of an image that the annotations do not have is told with the file that it is in", async () => {
  await inFolder(async (path) => {
    const dt = join(path, "detections.json");
    await Deno.writeTextFile(dt, '[{"image_id": 987654, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.5}]');
    const unknown = await runCli(["eval", "--gt", join(folder, "coco_gt.json"), "--dt", dt]);
    assertEquals(unknown.code, 3);
    assertEquals(
      errorLine(unknown),
      `dinograd: ${dt}: detection 0: expected an image id of the annotation file but found 987654`,
    );
  });
});

Deno.test("eval says how many images have no entry in the file of detections, whichever kind it is", () =>
  inFolder(async (folder) => {
    const images = [1, 2, 3].map((id) => ({ id, file_name: `${id}.jpg`, width: 50, height: 50 }));
    const bbox = [5, 5, 20, 20];
    const annotations = images.map(({ id }) => ({ id, image_id: id, category_id: 1, bbox, area: 400, iscrowd: 0 }));
    const write = async (name: string, value: unknown) => {
      await Deno.writeTextFile(`${folder}/${name}`, JSON.stringify(value));
      return `${folder}/${name}`;
    };
    const gt = await write("gt.json", { images, annotations, categories: [{ id: 1, name: "one" }] });
    const detection = { image_id: 1, category_id: 1, bbox, score: 0.9 };
    const entry = (id: number, detections: unknown[]) => ({ image: `photos/${id}.jpg`, detections });
    const own = entry(1, [{ label: 1, score: 0.9, box: [5, 5, 25, 25] }]);
    const files: [string, unknown, string][] = [
      ["coco.json", [detection], "no entry for 2 of 3 images: objects there count as missed"],
      ["own.json", [own, entry(2, [])], "no entry for 1 of 3 images: objects there count as missed"],
      ["whole.json", [own, entry(2, []), entry(3, [])], ""],
    ];
    for (const [name, value, expected] of files) {
      const { code, stdout, stderr } = await runCli(["eval", "--gt", gt, "--dt", await write(name, value), "--json"]);
      assertEquals([code, JSON.parse(stdout).stats.AR100.toFixed(4)], [0, "0.3333"]);
      assertEquals(stderr, expected === "" ? "" : `warning: ${folder}/${name}: ${expected}\n`);
    }
  }));

Deno.test("the flags of tiles are refused without --tile, and where two files are compared", async () => {
  const checkpoint = ["eval", "--checkpoint", "nowhere.dino", "--coco_path", "nowhere"];
  for (const flags of [["--overlap", "0.1"], ["--tile_whole"], ["--merge", "wbf"], ["--batch_size", "2"]]) {
    const idle = await runCli([...checkpoint, ...flags]);
    assertEquals([idle.code, errorLine(idle)], [
      2,
      `dinograd: ${flags[0]}: expected --tile PIXELS with it but found none`,
    ]);
  }
  const alone = await runCli(["eval", ...files, "--tile", "800"]);
  assertEquals(alone.code, 2);
  assertStringIncludes(errorLine(alone), "expected --checkpoint with --tile but found --gt and --dt");
  const small = await runCli([...checkpoint, "--tile", "31"]);
  assertEquals(small.code, 2);
  assertStringIncludes(errorLine(small), "expected --tile to be an integer of at least 32 but found 31");
});
