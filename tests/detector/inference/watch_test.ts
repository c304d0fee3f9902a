import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import type { RunUi } from "../../../detector/config/mod.ts";
import { encodePng, readImage } from "../../../detector/data/mod.ts";
import { watchFolder, type WatchOptions } from "../../../detector/inference/watch.ts";
import { DinogradError } from "../../../engine/errors.ts";
import { RandomStream } from "../../../engine/random.ts";
import { inFolder } from "../../helpers/in_folder.ts";
import { CliProcess } from "../../helpers/cli_training.ts";
import { writeTinyModel } from "../../helpers/tiny_model.ts";

/** Milliseconds between two looks. */
const INTERVAL = 30;

function picture(name: string): Uint8Array {
  const random = RandomStream.named(1, name);
  return encodePng({ width: 48, height: 32, data: Uint8Array.from({ length: 48 * 32 * 3 }, () => random.int(256)) });
}

interface Running {
  readonly lines: string[];
  readonly warnings: string[];
  /** Resolves when a line or a warning has the words, or so many have. */
  said(words: string, times?: number): Promise<void>;
  /** Resolves after some looks at the folder. */
  looks(): Promise<void>;
}

/** Watches `in` with results in `out` for as long as the test runs; returns how many images were finished. */
async function watching(
  folder: string,
  test: (running: Running) => Promise<void>,
  changes: Partial<WatchOptions> = {},
): Promise<number> {
  const stop = new AbortController();
  const [lines, warnings]: string[][] = [[], []];
  const ui: Partial<RunUi> = {
    say: (line) => void lines.push(line),
    warn: (line) => void warnings.push(line),
    stop: stop.signal,
  };
  const options = { folder: `${folder}/in`, out: `${folder}/out`, checkpoint: `${folder}/model.dino` };
  const how = { device: "cpu", threads: 1, threshold: 0, interval: INTERVAL } as const;
  const watch = watchFolder({ ...options, ...how, ...changes }, ui);
  const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));
  const running: Running = {
    lines,
    warnings,
    async said(words, times = 1) {
      const end = performance.now() + 60_000; // of a machine that does other things too
      while ([...lines, ...warnings].filter((line) => line.includes(words)).length < times) {
        if (performance.now() > end) {
          throw new Error(`expected "${words}" but found ${[...lines, ...warnings].join("; ")}`);
        }
        await Promise.race([pause(5), watch]); // it throws where the watch fails
      }
    },
    looks: async () => void await pause(6 * INTERVAL),
  };
  try {
    await running.said("watching");
    await test(running);
  } finally {
    stop.abort();
  }
  return await watch;
}

const prepared = (test: (folder: string) => Promise<void>) =>
  inFolder(async (folder) => {
    await writeTinyModel(`${folder}/model.dino`);
    await Deno.mkdir(`${folder}/in`);
    await test(folder);
  });

async function journal(folder: string) {
  const text = await Deno.readTextFile(`${folder}/out/detections.jsonl`);
  return text.trimEnd().split("\n").map((line) => JSON.parse(line));
}

Deno.test("images are detected as they come, each once and with a line of its own; a watch that begins again continues", async () => {
  await prepared(async (folder) => {
    await Deno.writeFile(`${folder}/in/old.png`, picture("old"));
    await Deno.writeTextFile(`${folder}/in/notes.txt`, "no image");
    await Deno.writeFile(`${folder}/in/.hidden.png`, picture("hidden"));
    const first = await watching(folder, async ({ said, looks, lines, warnings }) => {
      await said("in/old.png: 12 found: ");
      await Deno.writeFile(`${folder}/in/new.png`, picture("new"));
      await said("in/new.png: 12 found: ");
      await looks();
      assertEquals(lines.filter((line) => line.includes("found: ")).length, 2);
      assertEquals(warnings, []);
    });
    assertEquals(first, 2);
    const entries = await journal(folder);
    assertEquals(entries.map(({ image, width, height, annotated }) => [image, width, height, annotated]), [
      [`${folder}/in/old.png`, 48, 32, "old.jpg"],
      [`${folder}/in/new.png`, 48, 32, "new.jpg"],
    ]);
    assert(entries.every(({ detections }) => detections.length === 12));
    assertEquals((await readImage(`${folder}/out/new.jpg`)).width, 640);
    await Deno.writeFile(`${folder}/in/later.png`, picture("later"));
    const second = await watching(folder, async ({ said, looks, lines }) => {
      assertStringIncludes(lines[0], "2 images are done already");
      await said("in/later.png: 12 found");
      await looks();
      assertEquals(lines.filter((line) => line.includes("found: ")).length, 1);
    });
    assertEquals([second, (await journal(folder)).length], [1, 3]);
  });
});

Deno.test("a file that is still being written waits until nothing more comes", async () => {
  await prepared(async (folder) => {
    const [whole, path] = [picture("a"), `${folder}/in/a.png`];
    const looking = 700; // so much longer than a busy machine needs for the next piece
    await watching(folder, async ({ said, warnings, lines }) => {
      const end = performance.now() + 3 * looking;
      for (let length = 10; performance.now() < end; length = Math.min(length + 20, whole.length - 1)) {
        await Deno.writeFile(path, whole.subarray(0, length));
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      assertEquals([warnings, lines.length], [[], 1]);
      await Deno.writeFile(path, whole);
      await said("in/a.png: 12 found");
      assertEquals(warnings, []);
    }, { interval: looking });
  });
});

Deno.test("a file that stays broken is told once, and tried again when it changes; an empty one has only been begun", async () => {
  await prepared(async (folder) => {
    const [whole, path] = [picture("a"), `${folder}/in/a.png`];
    await watching(folder, async ({ said, looks, warnings }) => {
      await Deno.writeFile(path, whole.subarray(0, 500));
      await said("a.png: ");
      await looks();
      assertEquals(warnings.length, 1, "told once");
      assertStringIncludes(warnings[0], "truncated");
      assertStringIncludes(warnings[0], "tried again when the file has changed");
      await Deno.writeFile(path, whole);
      await said("in/a.png: 12 found");
      await Deno.writeFile(`${folder}/in/empty.png`, new Uint8Array());
      await looks();
      assertEquals(warnings.length, 1);
    });
  });
});

Deno.test("a renamed or replaced file is a new one, a removed one is forgotten, and drawings of equal names stay apart", async () => {
  await prepared(async (folder) => {
    await Deno.mkdir(`${folder}/in/deep`);
    await watching(folder, async ({ said, looks, warnings }) => {
      await Deno.writeFile(`${folder}/in/a.png`, picture("a"));
      await said("in/a.png: 12");
      await Deno.writeFile(`${folder}/in/deep/a.png`, picture("b"));
      await said("in/deep/a.png: 12");
      await Deno.rename(`${folder}/in/a.png`, `${folder}/in/c.png`);
      await said("in/c.png: 12");
      // Not in its place: between the writing and the time two looks may find it the same.
      await Deno.writeFile(`${folder}/another.png`, picture("another"));
      await Deno.utime(`${folder}/another.png`, 1e9, 1e9);
      await Deno.rename(`${folder}/another.png`, `${folder}/in/c.png`);
      await said("in/c.png: 12", 2); // however long that takes
      await Deno.remove(`${folder}/in/c.png`);
      await looks();
      assertEquals(warnings, []);
    }, { recursive: true });
    const entries = await journal(folder);
    const names = entries.map(({ file, annotated }) => [file.name, annotated]);
    assertEquals(names, [["a.png", "a.jpg"], ["deep/a.png", "a_2.jpg"], ["c.png", "c.jpg"], ["c.png", "c.jpg"]]);
    assertEquals(entries[3].file.modified, 1e12);
  });
});

Deno.test("what a crash left of the journal's last line is cut off, and that image is done again", async () => {
  await prepared(async (folder) => {
    for (const name of ["a", "b"]) await Deno.writeFile(`${folder}/in/${name}.png`, picture(name));
    await watching(folder, async ({ said }) => {
      await said("a.png: ");
      await said("b.png: ");
    });
    const path = `${folder}/out/detections.jsonl`;
    const text = await Deno.readTextFile(path);
    await Deno.writeTextFile(path, text.slice(0, -20));
    const again = await watching(folder, async ({ said, lines }) => {
      assertStringIncludes(lines[0], "1 image is done already");
      await said("png: 12");
    });
    assertEquals(again, 1);
    const entries = await journal(folder);
    assertEquals(entries.map(({ file }) => file.name).sort(), ["a.png", "b.png"]);
    for (const wrong of ["no JSON\n", '{"file": 1}\n', text.replace('"annotated":"a.jpg"', '"annotated":"../a.jpg"')]) {
      await Deno.writeTextFile(path, wrong);
      const refused = await assertRejects(() => watching(folder, () => Promise.resolve()), DinogradError);
      assertStringIncludes(refused.message, "detections.jsonl: line 1: expected an image that a watch has finished");
    }
  });
});

Deno.test("a watch never detects in its own drawings, two never write one folder, and a missing folder is told at once", async () => {
  await prepared(async (folder) => {
    const refused = async (changes: Partial<WatchOptions>) =>
      await assertRejects(() => watching(folder, () => Promise.resolve(), changes), DinogradError);
    assertEquals((await refused({ out: `${folder}/in` })).kind, "usage");
    assertEquals((await refused({ out: `${folder}/in/out`, recursive: true })).kind, "usage");
    assertStringIncludes((await refused({ folder: `${folder}/none` })).message, "there is no such file or folder");
    await watching(folder, async ({ said, warnings }) => {
      assertStringIncludes((await refused({})).message, "expected no other run but found");
      await Deno.rename(`${folder}/in`, `${folder}/away`);
      await said("waiting until it is there again");
      await Deno.writeFile(`${folder}/away/a.png`, picture("a"));
      await Deno.rename(`${folder}/away`, `${folder}/in`);
      await said("in is there again");
      await said("in/a.png: 12");
      assertEquals(warnings.length, 1);
    });
  });
});

Deno.test("Ctrl-C ends a watch with exit code 0, and the next one knows what it has done", async () => {
  await prepared(async (folder) => {
    await Deno.writeFile(`${folder}/in/a.png`, picture("a"));
    const args = [
      "detect",
      "--watch",
      `${folder}/in/`,
      "--checkpoint",
      `${folder}/model.dino`,
      "--out",
      `${folder}/out`,
    ];
    const watch = new CliProcess([...args, "--device", "cpu", "--threads", "1", "--threshold", "0", "--json"]);
    await watch.said(/a\.png: 12 found/);
    watch.signal("SIGINT");
    const { code, stdout, stderr } = await watch.finish();
    assertEquals(code, 0, stderr);
    const { image, detections } = JSON.parse(stdout);
    assertEquals([image, detections.length], [`${folder}/in/a.png`, 12]);
    assertEquals((await journal(folder)).length, 1);
    assertEquals([...Deno.readDirSync(`${folder}/out`)].map(({ name }) => name).sort(), ["a.jpg", "detections.jsonl"]);
  });
});
