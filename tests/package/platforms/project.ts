/** An importer's project: the package and what it needs in `node_modules`, the program, and what it is given. */
import { fromFileUrl } from "@std/path";
import { encodeJpeg, encodePng, type Image } from "../../../detector/data/mod.ts";
import { TINY_CLASSES, tinyConfig, writeTinyModel } from "../../helpers/tiny_model.ts";
import { npmPackage } from "../npm_package.ts";
import { publishLocally } from "../registry.ts";
import { installPackages } from "./runtimes.ts";

const ROOT = fromFileUrl(new URL("../../../", import.meta.url));
const PROGRAMS = ["importer.js", "program.js", "page.js", "bundled_page.js"];

/** What `importerTasks` gives. */
export interface Results {
  readonly about: {
    /** The device of `plain`, and whether the one of `fused` rounds a product and a sum together. */
    readonly device: string;
    readonly isFused: boolean;
    /** Whether WebAssembly has an instruction that may do so. */
    readonly hasRelaxedMadd: boolean;
  };
  /** Losses and digests without fused multiply-adds, and as the platform does it. */
  readonly plain: Tasks & { readonly detected: unknown; readonly saved: string };
  readonly fused: Tasks;
  readonly images: unknown;
  /** Steps on a GPU, where they were asked for: its name and how far losses are from the CPU's, or why there is none. */
  readonly webgpu: { readonly device?: string; readonly difference?: number; readonly missing?: string } | null;
}

interface Tasks {
  readonly cnn: { readonly losses: readonly number[]; readonly weights: string };
  readonly detector: { readonly losses: readonly number[]; readonly weights: string };
}

/** Makes it in an empty folder. */
export async function makeProject(folder: string): Promise<void> {
  const registry = await publishLocally(ROOT);
  const files = await npmPackage(registry.files).finally(() => registry[Symbol.asyncDispose]());
  const { dependencies } = JSON.parse(new TextDecoder().decode(files.get("package.json")));
  const { imports } = JSON.parse(await Deno.readTextFile(`${ROOT}deno.json`));
  await installPackages(folder, { ...dependencies, webgpu: imports.dawn.replace("npm:webgpu@", "") });
  for (const [path, content] of files) {
    const file = `${folder}/node_modules/@dinograd/dinograd/${path}`; // as `npx jsr add` calls it
    await Deno.mkdir(file.slice(0, file.lastIndexOf("/")), { recursive: true });
    await Deno.writeFile(file, content);
  }
  for (const name of PROGRAMS) await Deno.copyFile(new URL(name, import.meta.url), `${folder}/${name}`);
  await writeGiven(`${folder}/given`);
}

/** A freshly made checkpoint of a tiny detector, pictures of all kinds, and settings. */
async function writeGiven(folder: string): Promise<void> {
  await Deno.mkdir(folder);
  await writeTinyModel(`${folder}/checkpoint.dino`);
  const image: Image = {
    width: 80,
    height: 60,
    data: Uint8Array.from({ length: 80 * 60 * 3 }, (_, at) => at % 240 + Math.floor(at / 240) & 255),
  };
  const fixtures = new URL("../../detector/data/images/fixtures/", import.meta.url);
  await Deno.writeFile(`${folder}/picture.jpg`, await encodeJpeg(image));
  await Deno.writeFile(`${folder}/picture.png`, encodePng(image));
  const others = [
    "interlaced.png",
    "palette_4bit.png",
    "rgb_16bit.png",
    "palette.bmp",
    "rgb.bmp",
    "deflate_strips.tif",
  ];
  for (const name of others) await Deno.copyFile(new URL(name, fixtures), `${folder}/${name}`);
  const given = {
    pictures: ["picture.jpg", "picture.png"],
    others,
    config: tinyConfig(),
    classes: TINY_CLASSES,
    threads: 2,
  };
  await Deno.writeTextFile(`${folder}/given.json`, JSON.stringify(given));
}
