/** `tour`: runs a chapter of the tour through the implementation, shows its code with what it prints, and keeps its pictures. */
import type { Command } from "commander";
import { DinogradError } from "../engine/errors.ts";
import { integerFlag, type Verb } from "./shared/command.ts";
import { EXIT_CODES } from "./shared/exit_codes.ts";
import type { Terminal } from "./shared/terminal.ts";
import type { Chapter } from "./tour/chapter.ts";

interface TourFlags {
  readonly out: string;
  readonly notebook?: string;
}

export const tourVerb: Verb<TourFlags> = {
  define(command: Command): void {
    command
      .argument("[chapter]", "its number; without it, the chapters are listed", integerFlag({ min: 1 }))
      .option("--out <dir>", "folder for the chapter's pictures", "runs/tour")
      .option("--notebook <file>", "write the chapter as a Jupyter notebook for Deno's kernel instead of running it");
  },

  async run({ args: [wanted], flags, terminal }): Promise<number | void> {
    const { CHAPTER_NAMES, loadChapter } = await import("./tour/chapters.ts");
    if (wanted === undefined) {
      if (flags.notebook !== undefined) {
        throw new DinogradError("usage", "tour: expected a chapter with --notebook but found none");
      }
      return await list(terminal, await Promise.all(CHAPTER_NAMES.map((_, at) => loadChapter(at + 1))));
    }
    const number = Number(wanted);
    if (number > CHAPTER_NAMES.length) {
      const most = CHAPTER_NAMES.length;
      throw new DinogradError("usage", `tour: expected a chapter from 1 to ${most} but found ${number}`);
    }
    const chapter = await loadChapter(number);
    if (flags.notebook !== undefined) return await writeNotebook(chapter, flags.notebook, terminal);
    return await show(chapter, flags.out, terminal);
  },
};

function list(terminal: Terminal, chapters: readonly Chapter[]): void {
  terminal.table(["", "chapter"], chapters.map(({ title }, at) => [at + 1, title.replace(/^\d+\. */, "")]));
  terminal.say("tour N runs one; docs/tour/ has them to read");
}

async function writeNotebook(chapter: Chapter, file: string, terminal: Terminal): Promise<void> {
  const { notebookOf } = await import("./tour/notebook.ts");
  const { kindOf, writeText } = await import("../platform/whole_files.ts");
  if (await kindOf(file) !== "missing") {
    throw new DinogradError("usage", `tour: expected a new file for --notebook but found ${file}, which exists`);
  }
  await writeText(file, notebookOf(chapter));
  terminal.say(`wrote ${file}; open it in Jupyter with Deno's kernel (deno jupyter --install)`);
}

async function show(chapter: Chapter, out: string, terminal: Terminal): Promise<number | void> {
  const { runChapter } = await import("./tour/program.ts");
  const { codeOf, picturesOf } = await import("./tour/chapter.ts");
  const { dim } = await import("@std/fmt/colors");
  const { makeFolder } = await import("../platform/whole_files.ts");
  await using _unlessEmpty = await makeFolder(out);
  const pieces = codeOf(chapter);
  terminal.say(chapter.title);
  const { success, errors } = await runChapter(chapter, {
    pictures: await Deno.realPath(out),
    signal: terminal.stop,
    events: {
      piece: (at) => {
        terminal.say("");
        for (const line of pieces[at].code.split("\n")) terminal.say(`  ${line}`, { style: dim });
        terminal.say("");
      },
      line: (text) => terminal.say(text),
    },
  });
  if (terminal.stop.aborted) return EXIT_CODES.interrupted;
  if (!success) {
    terminal.warn(`the chapter stopped: ${errors.trim()}`);
    return 1;
  }
  const pictures = picturesOf(chapter).map((name) => `${out}/${name}`);
  terminal.say("");
  if (pictures.length > 0) terminal.say(`pictures: ${pictures.join(" ")}`);
}
