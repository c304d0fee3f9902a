/** Rows in aligned columns: text to the left, numbers to the right. */
import stringWidth from "string-width";
import { visible } from "../../engine/visible.ts";

/** The lines of a table. A cell takes the columns in which it is shown: characters that steer a terminal as escapes. */
export function formatTable(
  headings: readonly string[],
  rows: readonly (readonly (string | number)[])[],
): string[] {
  const cells = rows.map((row) => row.map((cell) => visible(String(cell))));
  const isNumeric = headings.map((_, column) => rows.length > 0 && rows.every((row) => isNumber(row[column])));
  const widths = headings.map((heading, column) =>
    Math.max(stringWidth(heading), ...cells.map((row) => stringWidth(row[column] ?? "")))
  );
  const line = (row: readonly string[]) =>
    row.map((cell, column) => {
      const space = " ".repeat(Math.max(0, widths[column] - stringWidth(cell)));
      return isNumeric[column] ? space + cell : cell + space;
    }).join("  ").trimEnd();
  return [line(headings), widths.map((size) => "-".repeat(size)).join("  "), ...cells.map(line)];
}

function isNumber(value: string | number | undefined): boolean {
  return typeof value === "number" || (value !== undefined && /^[-+]?[\d.,]+(?:e[-+]?\d+)?\s?%?$/i.test(value));
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
