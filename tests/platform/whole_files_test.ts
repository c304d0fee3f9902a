/** Names that come from data: what may be read by them, and what is refused without waiting for it. */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { listBundles } from "../../checkpoint/mod.ts";
import { checkSplit } from "../../commands/doctor/data.ts";
import { openDataset } from "../../detector/data/coco.ts";
import { readBytes } from "../../platform/whole_files.ts";
import { readImage } from "../../detector/data/images/image_codec.ts";
import { DinogradError } from "../../engine/errors.ts";
import { inFolder } from "../helpers/in_folder.ts";
import { writeTinySplit } from "../helpers/tiny_dataset.ts";

const isUnix = Deno.build.os !== "windows";

async function refusal(read: () => Promise<unknown>): Promise<string> {
  const error = await assertRejects(read, DinogradError);
  assertEquals(error.kind, "data");
  return error.message;
}

async function makePipe(path: string): Promise<void> {
  const { success } = await new Deno.Command("mkfifo", { args: [path] }).output();
  assert(success);
}

Deno.test({
  name: "a pipe, a device and a folder are refused as images by name, without waiting for them",
  ignore: !isUnix,
  fn: () =>
    inFolder(async (folder) => {
      await makePipe(`${folder}/pipe.jpg`);
      await Deno.symlink("/dev/zero", `${folder}/zero.png`);
      await Deno.mkdir(`${folder}/folder.png`);
      for (const name of ["pipe.jpg", "zero.png"]) {
        const message = await refusal(() => readImage(`${folder}/${name}`));
        assertEquals(message, `${folder}/${name}: expected to read it but it is a pipe, a device or the like`);
      }
      assertStringIncludes(await refusal(() => readImage(`${folder}/folder.png`)), "it is a folder");
    }),
});

Deno.test({
  name: "doctor names a pipe in the place of an image",
  ignore: !isUnix,
  fn: () =>
    inFolder(async (folder) => {
      const images = [1, 2].map((id) => ({
        id,
        width: 4,
        height: 4,
        objects: [{ category_id: 1, bbox: [0, 0, 2, 2] }],
      }));
      await writeTinySplit(folder, "train", { images });
      await Deno.remove(`${folder}/train2017/2.jpg`);
      await makePipe(`${folder}/train2017/2.jpg`);
      const question = { config: undefined, recorded: undefined, allImages: false, maxImagePixels: 100, strict: false };
      const findings = await checkSplit(folder, "train", question);
      const wrong = findings.filter(({ level }) => level === "wrong").map(({ text }) => text);
      assertEquals(wrong.length, 1);
      assertStringIncludes(wrong[0], "2.jpg: it is a pipe");
    }),
});

Deno.test({
  name: "a pipe in the place of a bundle is listed as a bad file",
  ignore: !isUnix,
  fn: () =>
    inFolder(async (folder) => {
      await makePipe(`${folder}/checkpoint.dino`);
      const { bundles, bad } = await listBundles(folder);
      assertEquals(bundles, []);
      assertEquals(bad.map(({ isDamaged }) => isDamaged), [false]);
      assertStringIncludes(bad[0].reason, "expected to read it but it is a pipe, a device or the like");
    }),
});

Deno.test("a file larger than any image of so many pixels is refused unread", () =>
  inFolder(async (folder) => {
    const path = `${folder}/sparse.png`;
    await Deno.writeFile(path, new Uint8Array(1));
    await Deno.truncate(path, 2 ** 40);
    assertStringIncludes(
      await refusal(() => readImage(path)),
      "it has 1099511627776 bytes, more than the 867108864 that are allowed",
    );
    assertEquals(
      (await refusal(() => readBytes(path, { maxBytes: 10 }))).includes("more than the 10 that are allowed"),
      true,
    );
  }));

const LEAVING = [
  "../1.jpg",
  "a/../../1.jpg",
  "..",
  "a/..",
  "/etc/1.jpg",
  "\\1.jpg",
  "..\\1.jpg",
  "C:\\1.jpg",
  "C:/1.jpg",
  "",
  "a\0b",
];
const STAYING = ["1.jpg", "a/b/1.jpg", "..a/1.jpg", "a../1..jpg", "./1.jpg", "a:b.jpg", "1...jpg"];

Deno.test("a file_name that leads out of the images' folder is refused with its image", () =>
  inFolder(async (folder) => {
    const write = async (names: readonly string[]) => {
      await Deno.mkdir(`${folder}/val2017`, { recursive: true });
      await Deno.mkdir(`${folder}/annotations`, { recursive: true });
      const images = names.map((file_name, at) => ({ id: at + 7, file_name }));
      const text = JSON.stringify({ images, annotations: [], categories: [{ id: 1, name: "one" }] });
      await Deno.writeTextFile(`${folder}/annotations/instances_val2017.json`, text);
    };
    for (const name of LEAVING) {
      await write(["1.jpg", name, name]);
      const message = await refusal(() => openDataset(folder, "val"));
      assertStringIncludes(message, "image 8: expected a file_name within the images' folder but found ");
      assertStringIncludes(message, "(and 1 more like it)");
    }
    await write(STAYING);
    assertEquals((await openDataset(folder, "val")).length, STAYING.length);
  }));

Deno.test({
  name: "links that the owner of a data set made are followed, to images and to whole folders",
  ignore: !isUnix,
  fn: () =>
    inFolder(async (folder) => {
      await writeTinySplit(`${folder}/real`, "val", {
        images: [{ id: 1, width: 5, height: 4 }, { id: 3, width: 6, height: 4 }],
      });
      await Deno.mkdir(`${folder}/linked`);
      await Deno.symlink(`${folder}/real/annotations`, `${folder}/linked/annotations`);
      await Deno.symlink(`${folder}/real/val2017`, `${folder}/linked/val2017`);
      const dataset = await openDataset(`${folder}/linked`, "val");
      assertEquals((await readImage(dataset.imagePath(0))).width, 5);
      await Deno.remove(`${folder}/real/val2017/1.png`);
      await Deno.symlink(`${folder}/real/val2017/3.png`, `${folder}/real/val2017/1.png`);
      assertEquals((await readImage(dataset.imagePath(0))).width, 6);
    }),
});
