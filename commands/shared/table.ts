/**
 * Rows in aligned columns: text to the left, numbers to the right. Where the place is narrower than the table, words of
 * headings and cells continue in further lines, and where even that does not fit, each row becomes a list of its cells.
 */
import stringWidth from "string-width";
import wrapAnsi from "wrap-ansi";
import { visible } from "../../engine/visible.ts";

/** Between two columns. */
const GAP = "  ";
/** Columns of text are not made narrower: a letter or two a line cannot be read. */
const LEAST_TEXT = 12;

interface TableLines {
  /** The headings; none where rows are listed. */
  readonly head: readonly string[];
  /** What separates them from the rows. */
  readonly rule: readonly string[];
  readonly body: readonly string[];
}

/**
 * The lines of a table, none wider than `width` unless that is below what a word takes. A cell takes the
 * columns in which it is shown: characters that steer a terminal as escapes.
 */
export function layOutTable(
  headings: readonly string[],
  rows: readonly (readonly (string | number)[])[],
  { width = Infinity }: { readonly width?: number } = {},
): TableLines {
  const cells = rows.map((row) => headings.map((_, column) => visible(String(row[column] ?? ""))));
  const isNumeric = headings.map((_, column) => rows.length > 0 && rows.every((row) => isNumber(row[column])));
  const widths = fittingWidths(headings, { cells, isNumeric, width });
  if (widths === null) return listRows(headings, cells, width);
  const lines = (row: readonly string[]) => rowLines(row, { widths, isNumeric });
  return {
    head: lines(headings),
    rule: [widths.map((size) => "-".repeat(size)).join(GAP)],
    body: cells.flatMap(lines),
  };
}

/** All lines of a table, as wide as it needs to be. */
export function formatTable(
  headings: readonly string[],
  rows: readonly (readonly (string | number)[])[],
): string[] {
  const { head, rule, body } = layOutTable(headings, rows);
  return [...head, ...rule, ...body];
}

/** Widths of columns that fit together, taken from the widest where there is too little; null where there are none. */
function fittingWidths(
  headings: readonly string[],
  { cells, isNumeric, width }: {
    readonly cells: readonly (readonly string[])[];
    readonly isNumeric: readonly boolean[];
    readonly width: number;
  },
): number[] | null {
  const widest = headings.map((_, column) => Math.max(0, ...cells.map((row) => stringWidth(row[column]))));
  const widths = headings.map((heading, column) => Math.max(stringWidth(heading), widest[column]));
  const least = headings.map((heading, column) => {
    const word = Math.max(0, ...heading.split(" ").map((part) => stringWidth(part)));
    return Math.min(widths[column], Math.max(word, isNumeric[column] ? widest[column] : LEAST_TEXT));
  });
  const total = (sizes: readonly number[]) => sizes.reduce((a, b) => a + b, 0) + GAP.length * (sizes.length - 1);
  if (total(widths) <= width) return widths;
  if (total(least) > width) return null;
  // Headings over numbers are wrapped first: that takes a line once, and not one in every row.
  for (const column of isNumeric.keys()) if (isNumeric[column]) widths[column] = least[column];
  for (let excess = total(widths) - width; excess > 0; excess--) {
    const room = widths.map((size, column) => size > least[column] ? size : 0);
    widths[room.indexOf(Math.max(...room))]--;
  }
  return widths;
}

function rowLines(
  row: readonly string[],
  { widths, isNumeric }: { readonly widths: readonly number[]; readonly isNumeric: readonly boolean[] },
): string[] {
  const parts = row.map((cell, column) => wrapped(cell, widths[column]));
  return Array.from(
    { length: Math.max(...parts.map(({ length }) => length)) },
    (_, line) =>
      parts.map((part, column) => {
        const text = part[line] ?? "";
        const space = " ".repeat(Math.max(0, widths[column] - stringWidth(text)));
        return isNumeric[column] ? space + text : text + space;
      }).join(GAP).trimEnd(),
  );
}

/** Each row as its cells one below the other, with their headings in front and an empty line after it. */
function listRows(headings: readonly string[], cells: readonly (readonly string[])[], width: number): TableLines {
  const indent = Math.min(Math.max(...headings.map((heading) => stringWidth(heading))), Math.floor(width / 2) - 2);
  const body = cells.flatMap((row, at) => [
    ...(at === 0 ? [] : [""]),
    ...row.flatMap((cell, column) =>
      rowLines([headings[column], cell], {
        widths: [indent, Math.max(1, width - indent - GAP.length)],
        isNumeric: [false, false],
      })
    ),
  ]);
  return { head: [], rule: [], body };
}

/** A text's lines at a width: broken between words, and within those that are wider. */
function wrapped(text: string, width: number): string[] {
  return stringWidth(text) <= width ? [text] : wrapAnsi(text, Math.max(1, width), { hard: true }).split("\n");
}

/** A text that takes at most `width` columns, with an ellipsis where something is left out. */
export function cutToWidth(text: string, width: number): string {
  if (stringWidth(text) <= width) return text;
  const [first] = wrapAnsi(text, Math.max(1, width - 1), { hard: true, wordWrap: false, trim: false }).split("\n");
  return `${first}…`;
}

/** Whether a cell belongs into a column of numbers; "none" and "-" stand where there is no number. */
function isNumber(value: string | number | undefined): boolean {
  return typeof value === "number" ||
    (value !== undefined && /^(?:[-+]?[\d.,]+(?:e[-+]?\d+)?\s?%?|none|-)$/i.test(value));
}

/** A time in seconds as `1:02:03` or `2:03`. */
export function formatSeconds(seconds: number): string {
  if (!Number.isFinite(seconds) || seconds < 0) return "-:--";
  const whole = Math.round(seconds);
  const two = (value: number) => String(value).padStart(2, "0");
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}
