/** Runs chapters for the tests and for the script that writes what they print into them. */
import { CHAPTER_NAMES, loadChapter } from "../../../commands/tour/chapters.ts";
import { type Chapter, codeOf } from "../../../commands/tour/chapter.ts";
import { runChapter } from "../../../commands/tour/program.ts";
import { inFolder } from "../../helpers/in_folder.ts";

/** The numbers of all chapters. */
export const CHAPTERS: readonly number[] = CHAPTER_NAMES.map((_, at) => at + 1);

/** What a run of a chapter gave. */
export interface ChapterRun {
  readonly chapter: Chapter;
  /** What each piece printed. */
  readonly outputs: readonly string[];
  /** The drawings, by name. */
  readonly pictures: ReadonlyMap<string, string>;
}

/** Runs a chapter. Throws what it wrote to standard error where it fails. */
export async function run(number: number): Promise<ChapterRun> {
  const chapter = await loadChapter(number);
  const outputs: string[][] = codeOf(chapter).map(() => []);
  return await inFolder(async (folder) => {
    let at = 0;
    const { success, errors } = await runChapter(chapter, {
      pictures: folder,
      events: { piece: (next) => at = next, line: (line) => outputs[at].push(line) },
    });
    if (!success) throw new Error(`${chapter.name} failed after piece ${at + 1}: ${errors}`);
    const names = [...Deno.readDirSync(folder)].map(({ name }) => name);
    const pictures = new Map(names.map((name) => [name, Deno.readTextFileSync(`${folder}/${name}`)]));
    return {
      chapter,
      outputs: outputs.map((lines) => lines.map((line) => line.trimEnd()).join("\n").trim()),
      pictures,
    };
  });
}
