/** The chapters of the tour, in their order, read from where the project is. */
import { type Chapter, readChapter } from "./chapter.ts";

/** The files in `docs/tour/`, without `.md`. */
export const CHAPTER_NAMES: readonly string[] = [
  "01-tensors",
  "02-autograd",
  "03-kernels",
  "04-matrix-product",
  "05-convolution",
  "06-attention",
  "07-deformable-attention",
  "08-anchors",
  "09-matching",
  "10-denoising",
  "11-selection",
  "12-losses",
  "13-training",
  "14-resuming",
  "15-fine-tuning",
  "16-evaluation",
  "17-two-machines",
];

/** Reads a chapter by its number, counted from 1. */
export async function loadChapter(number: number): Promise<Chapter> {
  const name = CHAPTER_NAMES[number - 1];
  return readChapter(name, await readText(`docs/tour/${name}.md`));
}

/** A text file of the project, which lies in a folder or on a server. */
async function readText(path: string): Promise<string> {
  const url = new URL(`../../${path}`, import.meta.url);
  if (url.protocol === "file:") return await Deno.readTextFile(url);
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url}: expected a file but found status ${response.status}`);
  return await response.text();
}
