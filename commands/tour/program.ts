/**
 * Makes a program of a chapter and runs it in a process of its own. The chapters import the project's files by `dinograd/`,
 * which stands for wherever the project is: a folder, or an address.
 */
import { type Chapter, codeOf } from "./chapter.ts";

/** Begins a line that says which piece of the chapter prints next: the separator of records of ASCII. */
const SEPARATOR = "\u001e";

const root = new URL("../../", import.meta.url).href;

/** A chapter's code with imports that lead to the project from anywhere. */
export function withImportsFrom(folder: string, code: string): string {
  return code.replace(/(\bfrom |\bimport |\bimport\(|\bresolve\()"dinograd\//g, `$1"${folder}`);
}

/** One module of all pieces of a chapter; before each it prints a separator, if wanted. */
export function programOf(chapter: Chapter, { separated = true } = {}): string {
  const pieces = codeOf(chapter).map(({ code }, at) =>
    (separated ? `console.log(${JSON.stringify(SEPARATOR + at)});\n` : "") + withImportsFrom(root, code)
  );
  return pieces.join("\n\n") + "\nexport {};\n";
}

/** What happens while a chapter runs. */
interface ChapterEvents {
  /** A piece begins, by its position among the chapter's pieces. */
  piece(at: number): void;
  line(text: string): void;
}

interface ChapterEnd {
  readonly success: boolean;
  /** What it wrote to standard error. */
  readonly errors: string;
}

/** Runs a chapter; its pictures go to a folder that exists. */
export async function runChapter(
  chapter: Chapter,
  { pictures, events, signal }: {
    readonly pictures: string;
    readonly events: ChapterEvents;
    readonly signal?: AbortSignal;
  },
): Promise<ChapterEnd> {
  const folder = await Deno.makeTempDir({ prefix: "dinograd-tour-" });
  try {
    const file = `${folder}/${chapter.name}.ts`;
    await Deno.writeTextFile(file, programOf(chapter));
    const config = root.startsWith("file:") ? ["--config", new URL("deno.json", root).pathname] : ["--no-config"];
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", "--quiet", ...config, file],
      cwd: folder,
      env: { DINOGRAD_TOUR_PICTURES: pictures, NO_COLOR: "1" },
      stdout: "piped",
      stderr: "piped",
      signal,
    }).spawn();
    const [errors] = await Promise.all([new Response(child.stderr).text(), follow(child.stdout, events)]);
    return { success: (await child.status).success, errors };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function follow(stdout: ReadableStream<Uint8Array>, events: ChapterEvents): Promise<void> {
  let rest = "";
  const take = (line: string) => line.startsWith(SEPARATOR) ? events.piece(Number(line.slice(1))) : events.line(line);
  for await (const text of stdout.pipeThrough(new TextDecoderStream() as TransformStream<Uint8Array, string>)) {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    lines.forEach(take);
  }
  if (rest !== "") take(rest);
}
