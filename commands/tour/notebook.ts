/** A chapter as a Jupyter notebook for Deno's kernel (nbformat 4.5). */
import type { Chapter, Code, Prose } from "./chapter.ts";
import { withImportsFrom } from "./program.ts";

/** The notebook's text. It lies in `docs/tour/notebooks/`, beside which the pictures are. */
export function notebookOf(chapter: Chapter): string {
  const cells = chapter.parts.map((part, at) => ({
    ...part.kind === "code" ? codeCell(part) : proseCell(part),
    id: `${chapter.name}-${at}`,
    metadata: {},
  }));
  const metadata = {
    kernelspec: { display_name: "Deno", language: "typescript", name: "deno" },
    language_info: { name: "typescript", file_extension: ".ts", mimetype: "text/x.typescript" },
  };
  return JSON.stringify({ cells, metadata, nbformat: 4, nbformat_minor: 5 }, null, 1) + "\n";
}

function proseCell({ text }: Prose) {
  const source = text
    .replaceAll("](pictures/", "](../pictures/")
    .replace(/\]\((\d\d-[\w-]+)\.md/g, "]($1.ipynb")
    .replace(/\]\((\.\.\/|README\.md|exercises\/)/g, "](../$1");
  return { cell_type: "markdown", source: linesOf(source) };
}

function codeCell({ code, output }: Code) {
  const outputs = output === "" ? [] : [{ output_type: "stream", name: "stdout", text: linesOf(output + "\n") }];
  return {
    cell_type: "code",
    execution_count: null,
    source: linesOf(withImportsFrom("../../../", code)),
    outputs,
  };
}

/** Lines with their ends, as notebooks keep text. */
function linesOf(text: string): string[] {
  return text.split(/(?<=\n)/);
}
