import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { fileNameOfAddress, isAllowed } from "../../../checkpoint/download/address.ts";
import { transformsOf } from "../../../detector/data/configured_transforms.ts";
import { dinoModelOptions } from "../../../detector/model/mod.ts";
import {
  classesOfEntry,
  configOfEntry,
  DEFAULT_ENTRY,
  ENTRIES,
  entryOf,
  entryOfFile,
  fetchOptions,
  type ZooEntry,
} from "../../../detector/zoo/mod.ts";

function known(name: string): ZooEntry {
  const entry = entryOf(name);
  if (entry === undefined) throw new Error(`expected an entry ${name}`);
  return entry;
}

Deno.test("every entry is complete, is found by its name, its address and its file, and describes a model", () => {
  assert(ENTRIES.length >= 10);
  assertEquals(entryOf(DEFAULT_ENTRY), ENTRIES[0]);
  for (const key of ["name", "url"] as const) {
    assertEquals(new Set(ENTRIES.map((entry) => entry[key])).size, ENTRIES.length, key);
  }
  for (const entry of ENTRIES) {
    const url = new URL(entry.url);
    assert(isAllowed(url) && url.protocol === "https:", entry.url);
    assertEquals(url.href, entry.url);
    assertMatch(entry.name, /^(co-)?dino-[a-z0-9-]+$/);
    assertMatch(fileNameOfAddress(url), /\.pth$/);
    for (const reference of [entry.name, entry.url]) assertEquals(entryOf(reference), entry);
    assertEquals(entryOfFile(`/somewhere/${fileNameOfAddress(url)}`), entry);
    assertMatch(entry.source, /^https:/);
    assert(entry.ap > 40 && entry.ap < 70 && (entry.megabytes === null || entry.megabytes > 100));
    const config = configOfEntry(entry);
    dinoModelOptions(config);
    assertEquals([config.num_classes, config.dn_labelbook_size, config.num_select], [91, 91, 300]);
    assertEquals(config.return_interm_indices.length + 1, config.num_feature_levels);
    assert(classesOfEntry(entry).every(({ id }) => id < config.num_classes));
  }
});

Deno.test("what nobody has looked at is marked at every entry: addresses, sizes, contents, AP, and digests in names", () => {
  for (const { unchecked, digest, name } of ENTRIES) {
    for (const what of ["address", "size", "contents", "ap"] as const) assert(unchecked.includes(what), name);
    assertEquals(unchecked.includes("digest"), digest !== null, name);
  }
});

Deno.test("digests are those of the files' names, and one whole", () => {
  for (const { url, digest, layout } of ENTRIES) {
    if (layout === "detrex") assertEquals(digest, null);
    else {
      assertMatch(digest ?? "", /^([0-9a-f]{8}|[0-9a-f]{64})$/);
      assertStringIncludes(url, `-${digest?.slice(0, 8)}.pth`);
    }
  }
  assertEquals(ENTRIES.filter(({ digest }) => digest?.length === 64).length, 1);
});

Deno.test("positions are embedded as each was trained: at far edges or centres, which no weight would show", () => {
  const of = (name: string) => {
    const { pe_temperatureH: high, pe_temperatureW: wide, pe_offset: offset } = configOfEntry(known(name));
    return [high, wide, offset];
  };
  const edges = [
    "dino-r50-4scale-24ep",
    "dino-r50-4scale-12ep",
    "dino-swin-l-5scale-12ep-mmdet",
    "co-dino-swin-l-o365",
  ];
  for (const name of edges) assertEquals(of(name), [20, 20, 0], name);
  const centres = ["dino-r50-4scale-12ep-improved", "dino-r50-4scale-12ep-detrex", "dino-swin-l-5scale-36ep"];
  for (const name of centres) assertEquals(of(name), [10000, 10000, -0.5], name);
});

Deno.test("images are prepared as each was trained: sizes, filter, turning, edges", () => {
  const of = (name: string) => {
    const config = configOfEntry(known(name));
    const { steps, exifOrientation } = transformsOf(config, false);
    return { steps, exifOrientation, clip: config.clip_boxes };
  };
  const resize = { kind: "resize", sizes: [800], maxSize: 1333 };
  assertEquals<unknown>(of("dino-r50-4scale-24ep"), {
    ...{ steps: [{ ...resize, rule: "detectron2", filter: "pillow" }], exifOrientation: true, clip: true },
  });
  assertEquals<unknown>(of("dino-r50-4scale-12ep"), {
    ...{ steps: [{ ...resize, rule: "mmdetection", filter: "opencv" }], exifOrientation: true, clip: true },
  });
  const { steps: [large] } = of("co-dino-swin-l-o365");
  assertEquals<unknown>(large, {
    ...{ kind: "resize", sizes: [1280], maxSize: 2048, rule: "mmdetection", filter: "opencv" },
  });
});

Deno.test("a digest that is published is asked for: by the list, else by the name where the host's names have them", () => {
  const digestOf = (address: string) =>
    fetchOptions(new URL(address), { entry: entryOf(address), options: { cache: "/c" } }).digest;
  assertEquals(digestOf("https://download.pytorch.org/models/resnet50-0676ba61.pth"), "0676ba61");
  assertEquals(digestOf("https://download.openmmlab.com/a/b_20221202_182705-55b2bba2.pth"), "55b2bba2");
  assertEquals(digestOf("https://example.org/run-20221202.pth"), null); // a date
  const [first, second] = [known(DEFAULT_ENTRY), known("co-dino-swin-l-o365")];
  assertEquals([digestOf(first.url), digestOf(second.url)], [null, second.digest]);
  const { hubs } = fetchOptions(new URL(first.url), { entry: first, options: { cache: "/c" } });
  assertEquals(hubs?.map(({ host }) => host), ["huggingface.co"]);
});
