/** Named numbers as horizontal bars, as an SVG document. */
import { round, svgDocument, text } from "./parts.ts";

/**
 * A labelled number of a bar chart.
 *
 * @category Pictures
 */
export interface Bar {
  /** Written in front of the bar. */
  readonly name: string;
  /** Not negative. */
  readonly value: number;
  /** Written behind the bar, such as the value with its unit. */
  readonly note: string;
}

const ROW = 34;
const LEFT = 150;
const LENGTH = 420;

/**
 * Draws bars one below the other, in their order; the longest takes the whole width.
 *
 * @category Pictures
 */
export function barChart(bars: readonly Bar[], { title }: { readonly title: string }): string {
  const [width, height] = [LEFT + LENGTH + 190, 56 + bars.length * ROW];
  const most = Math.max(...bars.map(({ value }) => value), Number.MIN_VALUE);
  const parts = [
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    text(title, { x: width / 2, y: 26, size: 16, anchor: "middle" }),
  ];
  bars.forEach(({ name, value, note }, index) => {
    const y = 44 + index * ROW;
    const length = Math.max(1, value / most * LENGTH);
    parts.push(
      text(name, { x: LEFT - 8, y: y + 17, size: 13, anchor: "end" }),
      `<rect x="${LEFT}" y="${y}" width="${round(length)}" height="${ROW - 10}" fill="#0072b2"/>`,
      text(note, { x: LEFT + length + 8, y: y + 17, size: 12, anchor: "start" }),
    );
  });
  return svgDocument(parts, { width, height });
}
