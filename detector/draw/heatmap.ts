/** A table of counts as an SVG document: the darker a field, the larger its share of its row, or of the largest count. */
import { LONGEST_NAME, round, shortened, svgDocument, text } from "./parts.ts";

/**
 * Names and counts of a heat map.
 *
 * @category Pictures
 */
export interface Heatmap {
  /** Above the map. */
  readonly title: string;
  /** What rows are, such as "true class". */
  readonly rowLabel: string;
  /** What columns are, such as "detected class". */
  readonly columnLabel: string;
  /** Names of the rows. */
  readonly rows: readonly string[];
  /** Names of the columns. */
  readonly columns: readonly string[];
  /** `[rows, columns]`, none negative. */
  readonly counts: readonly (readonly number[])[];
  /** What the darkest field stands for: the whole of its row, or the largest count of the map. Default "row". */
  readonly shades?: "row" | "largest";
}

/**
 * Draws a heat map. Counts are written into the fields where these are large enough for it.
 *
 * @category Pictures
 */
export function heatmap({ title, rowLabel, columnLabel, rows, columns, counts, shades = "row" }: Heatmap): string {
  const field = Math.max(9, Math.min(46, Math.floor(760 / Math.max(rows.length, columns.length))));
  const font = Math.min(12, field - 1);
  const names = [...rows, ...columns].map((name) => [...name].slice(0, LONGEST_NAME).length);
  const room = Math.max(...names) * font * 0.66 + 16;
  const left = 40 + room;
  const top = 44;
  const width = Math.ceil(left + columns.length * field + 24);
  const height = Math.ceil(top + rows.length * field + room + 40);
  const parts = [`<rect width="${width}" height="${height}" fill="#fff"/>`];
  parts.push(text(title, { x: width / 2, y: 26, size: 16, anchor: "middle" }));
  const largest = counts.flat().reduce((most, count) => Math.max(most, count), 0);
  rows.forEach((name, row) => {
    const y = top + row * field;
    parts.push(text(shortened(name), { x: left - 6, y: y + field / 2 + font / 3, size: font, anchor: "end" }));
    const whole = shades === "largest" ? largest : counts[row].reduce((total, count) => total + count, 0);
    counts[row].forEach((count, column) => {
      const share = whole === 0 ? 0 : count / whole;
      const x = left + column * field;
      parts.push(
        `<rect x="${round(x)}" y="${round(y)}" width="${field}" height="${field}" fill="#0072b2" ` +
          `fill-opacity="${round(share)}" stroke="#ccc" stroke-width="0.5"/>`,
      );
      if (count === 0 || field < 18) return;
      const size = Math.min(font, field * 1.5 / String(count).length);
      const colour = share > 0.55 ? "#fff" : "#222";
      parts.push(
        text(String(count), { x: x + field / 2, y: y + field / 2 + size / 3, size, anchor: "middle", colour }),
      );
    });
  });
  columns.forEach((name, column) => {
    const [x, y] = [left + (column + 0.5) * field + font / 3, top + rows.length * field + 8];
    parts.push(
      `<g transform="rotate(-90 ${round(x)} ${round(y)})">` +
        text(shortened(name), { x, y, size: font, anchor: "end" }) + "</g>",
    );
  });
  const middle = top + rows.length * field / 2;
  parts.push(
    `<g transform="rotate(-90 18 ${round(middle)})">` +
      text(rowLabel, { x: 18, y: middle, size: 13, anchor: "middle" }) + "</g>",
    text(columnLabel, { x: left + columns.length * field / 2, y: height - 12, size: 13, anchor: "middle" }),
  );
  return svgDocument(parts, { width, height });
}
