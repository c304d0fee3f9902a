import { assertEquals, assertStringIncludes } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { expandImagePaths } from "../../../detector/inference/image_paths.ts";
import type { ImageDetections } from "../../../detector/inference/detection.ts";
import { inFolder } from "../../helpers/in_folder.ts";
import { writeTinySplit } from "../../helpers/tiny_dataset.ts";
import { writeTinyModel } from "../../helpers/tiny_model.ts";

Deno.test("folders within folders are entered where that is asked for, but not by links, which may lead back", () =>
  inFolder(async (folder) => {
    await Deno.mkdir(`${folder}/deep/deeper`, { recursive: true });
    for (const name of ["b.jpg", "deep/a.png", "deep/deeper/c.jpeg", "deep/deeper/d.psd", "deep/notes.txt"]) {
      await Deno.writeTextFile(`${folder}/${name}`, "");
    }
    await Deno.symlink(folder, `${folder}/deep/back`);
    await Deno.symlink(`${folder}/b.jpg`, `${folder}/deep/link.jpg`);
    const named = async (recursive: boolean) => {
      const { paths, skipped } = await expandImagePaths([folder], { recursive });
      const short = (path: string) => path.slice(folder.length + 1);
      return { paths: paths.map(({ path }) => short(path)), skipped: skipped.map(short) };
    };
    assertEquals(await named(false), { paths: ["b.jpg"], skipped: [] });
    assertEquals(await named(true), {
      paths: ["b.jpg", "deep/a.png", "deep/deeper/c.jpeg", "deep/link.jpg"],
      skipped: ["deep/deeper/d.psd"],
    });
  }));

/** `detect - …` with bytes on its standard input. */
async function detectPiped(bytes: Uint8Array<ArrayBuffer>, args: readonly string[]) {
  const cli = fromFileUrl(new URL("../../../cli.ts", import.meta.url));
  const process = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", cli, "detect", "-", ...args],
    env: { NO_COLOR: "1", DINOGRAD_DEBUG: "" },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = process.stdin.getWriter();
  await writer.write(bytes);
  await writer.close();
  const { code, stdout, stderr } = await process.output();
  return { code, stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
}

Deno.test("an image comes from standard input, and its detections are all of standard output", () =>
  inFolder(async (folder) => {
    await writeTinyModel(`${folder}/model.dino`);
    await writeTinySplit(folder, "val", { images: [{ id: 1, width: 60, height: 40 }] });
    const flags = ["--checkpoint", `${folder}/model.dino`, "--device", "cpu", "--threads", "1", "--threshold", "0"];
    const { code, stdout } = await detectPiped(await Deno.readFile(`${folder}/val2017/1.png`), [
      ...flags,
      "--out",
      `${folder}/out`,
    ]);
    assertEquals(code, 0);
    const [{ image, width, height, detections }]: ImageDetections[] = JSON.parse(stdout);
    assertEquals([image, width, height, detections.length], ["-", 60, 40, 12]);
    assertEquals([...Deno.readDirSync(`${folder}/out`)].map(({ name }) => name).sort(), [
      "detections.json",
      "stdin.jpg",
    ]);
    const failed = await detectPiped(new TextEncoder().encode("no image"), flags);
    assertEquals([failed.code, JSON.parse(failed.stdout)], [3, []]);
    assertStringIncludes(failed.stderr, "cannot decode image standard input");
  }));
