/**
 * Writes what chapters print and draw into them, and makes their notebooks: `deno task tour:update [N...]`. Look at the
 * difference before you commit it.
 */
import { fromFileUrl } from "@std/path";
import { codeOf } from "../../../commands/tour/chapter.ts";
import { loadChapter } from "../../../commands/tour/chapters.ts";
import { notebookOf } from "../../../commands/tour/notebook.ts";
import { CHAPTERS, run } from "./support.ts";

const TOUR = fromFileUrl(new URL("../../../docs/tour/", import.meta.url));

for (const number of Deno.args.length > 0 ? Deno.args.map(Number) : CHAPTERS) {
  const { chapter, outputs, pictures } = await run(number);
  const path = `${TOUR}${chapter.name}.md`;
  const lines = Deno.readTextFileSync(path).split("\n");
  // From the last piece to the first, so that the lines before keep their numbers.
  codeOf(chapter).map((piece, at) => ({ ...piece, found: outputs[at] })).reverse().forEach((piece) => {
    const end = piece.line - 1 + piece.code.split("\n").length; // the closing fence, counted from 0
    const old = piece.output === "" ? 0 : lines.indexOf("```", end + 3) - end;
    if (piece.measured && piece.output !== "" && Deno.env.get("MEASURE") !== "1") return;
    const fence = piece.measured ? "```text measured" : "```text";
    const fresh = piece.found === "" ? [] : ["", fence, ...piece.found.split("\n"), "```"];
    lines.splice(end + 1, old, ...fresh);
  });
  Deno.writeTextFileSync(path, lines.join("\n"));
  await new Deno.Command(Deno.execPath(), { args: ["fmt", "--quiet", path] }).output();
  for (const [name, svg] of pictures) Deno.writeTextFileSync(`${TOUR}pictures/${name}`, svg);
  Deno.mkdirSync(`${TOUR}notebooks`, { recursive: true });
  Deno.writeTextFileSync(`${TOUR}notebooks/${chapter.name}.ipynb`, notebookOf(await loadChapter(number)));
  console.log(`${chapter.name}: ${pictures.size} pictures`);
}
