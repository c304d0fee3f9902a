/** Rows in aligned columns: text to the left, numbers to the right. */

/** The lines of a table. Colour codes do not count as width. */
export function formatTable(
  headings: readonly string[],
  rows: readonly (readonly (string | number)[])[],
): string[] {
  const cells = rows.map((row) => row.map(String));
  const isNumeric = headings.map((_, column) => rows.length > 0 && rows.every((row) => isNumber(row[column])));
  const widths = headings.map((heading, column) =>
    Math.max(width(heading), ...cells.map((row) => width(row[column] ?? "")))
  );
  const line = (row: readonly string[]) =>
    row.map((cell, column) => {
      const space = " ".repeat(Math.max(0, widths[column] - width(cell)));
      return isNumeric[column] ? space + cell : cell + space;
    }).join("  ").trimEnd();
  return [line(headings), widths.map((size) => "-".repeat(size)).join("  "), ...cells.map(line)];
}

function isNumber(value: string | number | undefined): boolean {
  return typeof value === "number" || (value !== undefined && /^[-+]?[\d.,]+(?:e[-+]?\d+)?\s?%?$/i.test(value));
}

// deno-lint-ignore no-control-regex -- colour codes start with an escape character
const COLOUR = /\x1b\[[\d;]*m/g;

/** Columns on a terminal: wide (East Asian) characters take two, combining marks none. */
function width(text: string): number {
  let columns = 0;
  for (const character of text.replace(COLOUR, "")) {
    if (/\p{Mark}/u.test(character)) continue;
    columns += /[\u1100-\u115F\u2E80-\uA4CF\uAC00-\uD7A3\uF900-\uFAFF\uFE30-\uFE6F\uFF00-\uFF60\u{1F300}-\u{1FAFF}]/u
        .test(character)
      ? 2
      : 1;
  }
  return columns;
}

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];

/** A size in bytes, in the unit that suits it. */
export function formatBytes(bytes: number): string {
  let unit = 0;
  let value = bytes;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  return unit === 0 ? `${value} B` : `${value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0)} ${UNITS[unit]}`;
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
