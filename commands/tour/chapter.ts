/**
 * A chapter of the tour: Markdown whose TypeScript fences are one program, told in pieces. A `text` fence right behind a
 * piece is what that piece prints; `text measured` is what it printed on the writer's machine, where the numbers are times
 * and rates and only the words around them are promised.
 */

export interface Code {
  readonly kind: "code";
  readonly code: string;
  /** The line of the file on which the code begins, counted from 1. */
  readonly line: number;
  /** What it prints, by the chapter. Empty: nothing. */
  readonly output: string;
  /** Whether the numbers of the output are the writer's machine's. */
  readonly measured: boolean;
}

/** Markdown between two pieces. */
export interface Prose {
  readonly kind: "prose";
  readonly text: string;
}

/** A chapter, in the order of its file. */
export interface Chapter {
  /** The file's name without `.md`, such as `01-tensors`. */
  readonly name: string;
  readonly title: string;
  readonly parts: readonly (Prose | Code)[];
}

const FENCE = /^```(.*)$/;

/** Reads a chapter; the first heading is its title. */
export function readChapter(name: string, markdown: string): Chapter {
  const lines = markdown.split("\n");
  const parts: (Prose | Code)[] = [];
  let prose: string[] = [];
  const closeProse = () => {
    const text = prose.join("\n").trim();
    if (text !== "") parts.push({ kind: "prose", text });
    prose = [];
  };
  for (let at = 0; at < lines.length; at++) {
    const language = FENCE.exec(lines[at])?.[1].trim();
    if (language === undefined) {
      prose.push(lines[at]);
      continue;
    }
    const end = lines.indexOf("```", at + 1);
    if (end < 0) {
      throw new Error(`${name}, line ${at + 1}: expected the fence to be closed but found the end of the file`);
    }
    const body = lines.slice(at + 1, end).join("\n");
    const last = parts.at(-1);
    if (language === "ts") {
      closeProse();
      parts.push({ kind: "code", code: body, line: at + 2, output: "", measured: false });
    } else if (/^text\b/.test(language) && prose.every((line) => line.trim() === "") && last?.kind === "code") {
      parts[parts.length - 1] = { ...last, output: body, measured: language.endsWith("measured") };
      prose = [];
    } else {
      prose.push(...lines.slice(at, end + 1));
    }
    at = end;
  }
  closeProse();
  const title = /^# (.*)$/m.exec(markdown)?.[1] ?? name;
  return { name, title, parts };
}

/** The pieces of the program, in order. */
export function codeOf(chapter: Chapter): Code[] {
  return chapter.parts.filter((part) => part.kind === "code");
}

/** The pictures that the prose shows, as names of files in `docs/tour/pictures/`. */
export function picturesOf(chapter: Chapter): string[] {
  return chapter.parts.flatMap((part) =>
    part.kind === "prose" ? [...part.text.matchAll(/\]\(pictures\/([^)\s]+\.svg)\)/g)].map(([, name]) => name) : []
  );
}
