/**
 * Curves over a common axis as an SVG document: losses, average precision, learning rates. Self-contained text in fonts
 * that every viewer has; `renderSvg` turns it into pixels where those are wanted.
 */
import { round, svgDocument, text } from "./parts.ts";

/**
 * One curve; points whose coordinates are not finite (or not positive on a logarithmic axis) leave a gap.
 *
 * @category Pictures
 */
export interface Series {
  /** What the legend calls it. */
  readonly name: string;
  /** In the order of x. */
  readonly points: readonly (readonly [x: number, y: number])[];
  /** Mark every point, where there are few enough to be told apart. Default false. */
  readonly dots?: boolean;
}

/**
 * Places on the horizontal axis at which something happened.
 *
 * @category Pictures
 */
export interface Marks {
  /** What the legend calls it. */
  readonly name: string;
  /** Values of x. */
  readonly at: readonly number[];
  /** A line through the whole plot, or a short stroke at its foot. */
  readonly kind: "line" | "foot";
}

/**
 * Words, limits and size of a plot.
 *
 * @category Pictures
 */
export interface PlotOptions {
  /** Above the plot. Default: none. */
  readonly title?: string;
  /** Below the horizontal axis. Default: none. */
  readonly xLabel?: string;
  /** Beside the vertical axis. Default: none. */
  readonly yLabel?: string;
  /** Powers of ten instead of equal steps along y. Default false. */
  readonly logarithmic?: boolean;
  /** Fixed limits of x. Default: what the points span. */
  readonly xRange?: readonly [number, number];
  /** Fixed limits of y, for example [0, 1] for average precision. Default: what the points span, rounded outwards. */
  readonly yRange?: readonly [number, number];
  /** What happened where; kinds without a place are not in the legend. Default: nothing. */
  readonly marks?: readonly Marks[];
  /** In pixels. Default 800 by 480. */
  readonly width?: number;
  /** In pixels. Default 480. */
  readonly height?: number;
}

/** Colours that stay apart for the colour-blind (Okabe and Ito), on white. */
const COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000"];
const DASHES = ["", "7 4", "2 3"];
const MARGIN = { left: 76, right: 20, top: 46, bottom: 54 };
const LEGEND_ROW = 20;
/** Height of a short mark in pixels. */
const FOOT = 9;
/** More points than that are no longer dotted. */
const MOST_DOTS = 60;

/** One axis: where a value lies in pixels, and the values to write beside it. */
interface Axis {
  readonly ticks: readonly number[];
  readonly at: (value: number) => number;
}

/**
 * Draws the curves with axes, grid, title and a legend below the title. Without any point, an empty frame that says so.
 *
 * @category Pictures
 */
export function linePlot(series: readonly Series[], options: PlotOptions = {}): string {
  const { width = 800, height = 480, logarithmic = false, title = "" } = options;
  const marks = (options.marks ?? []).filter(({ at }) => at.length > 0);
  const rows = legendRows([
    ...series.map(({ name }, at) => ({ name, style: strokeOf(at) })),
    ...marks.map(({ name, kind }) => ({ name, style: MARK_STYLES[kind] })),
  ], width);
  const frame = {
    left: MARGIN.left,
    right: width - MARGIN.right,
    top: MARGIN.top + rows.length * LEGEND_ROW,
    bottom: height - MARGIN.bottom,
  };
  const shown = ([x, y]: readonly [number, number]) => {
    return Number.isFinite(x) && Number.isFinite(y) && (!logarithmic || y > 0);
  };
  const points = series.flatMap((one) => one.points.filter(shown));
  const parts = [`<rect width="${width}" height="${height}" fill="#fff"/>`];
  parts.push(text(title, { x: width / 2, y: 28, size: 17, anchor: "middle" }));
  if (points.length === 0) {
    parts.push(text("no data", { x: width / 2, y: (frame.top + frame.bottom) / 2, size: 15, anchor: "middle" }));
  } else {
    const xAxis = linearAxis(options.xRange ?? rangeOf(points.map(([x]) => x)), {
      from: frame.left,
      to: frame.right,
      rounded: false,
    });
    const yValues = options.yRange ?? rangeOf(points.map(([, y]) => y));
    const yPixels = { from: frame.bottom, to: frame.top, rounded: options.yRange === undefined };
    const yAxis = logarithmic ? logarithmicAxis(yValues, yPixels) : linearAxis(yValues, yPixels);
    parts.push(grid({ xAxis, yAxis }, frame));
    // Several plots may stand in one document: equal names are of equal frames.
    const clip = `frame-${frame.left}-${frame.top}-${frame.right}-${frame.bottom}`;
    parts.push(
      `<clipPath id="${clip}"><rect x="${frame.left}" y="${frame.top}" width="${frame.right - frame.left}" ` +
        `height="${
          frame.bottom - frame.top
        }"/></clipPath><g clip-path="url(#${clip})" fill="none" stroke-width="1.8" ` +
        `stroke-linejoin="round">`,
    );
    marks.forEach((one) => parts.push(markLines(one, { xAxis, frame })));
    series.forEach(({ points: own, dots }, at) => parts.push(curve(own, { at, xAxis, yAxis, shown, dots })));
    parts.push("</g>");
  }
  parts.push(
    `<rect x="${frame.left}" y="${frame.top}" width="${frame.right - frame.left}" ` +
      `height="${frame.bottom - frame.top}" fill="none" stroke="#333"/>`,
  );
  const middle = (frame.top + frame.bottom) / 2;
  parts.push(
    text(options.xLabel ?? "", { x: (frame.left + frame.right) / 2, y: height - 12, size: 13, anchor: "middle" }),
  );
  parts.push(
    `<g transform="rotate(-90 18 ${middle})">` +
      text(options.yLabel ?? "", { x: 18, y: middle, size: 13, anchor: "middle" }) + "</g>",
  );
  rows.forEach((row, line) => parts.push(legend(row, MARGIN.top + line * LEGEND_ROW)));
  return svgDocument(parts, { width, height });
}

function rangeOf(values: readonly number[]): [number, number] {
  let low = Infinity, high = -Infinity;
  for (const value of values) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  return [low, high];
}

interface Pixels {
  readonly from: number;
  readonly to: number;
  /** Whether the axis may begin and end at round values beyond the given ones. */
  readonly rounded: boolean;
}

function linearAxis([first, last]: readonly [number, number], { from, to, rounded }: Pixels): Axis {
  // A single value gets some room around it.
  const room = first === last ? Math.abs(first) / 2 || 1 : 0;
  const step = roundStep((last - first + 2 * room) / 6);
  const low = rounded ? Math.floor((first - room) / step) * step : first - room;
  const high = rounded ? Math.ceil((last + room) / step) * step : last + room;
  const ticks: number[] = [];
  // Multiples of the step, so that no rounding error adds up.
  for (let count = Math.ceil(low / step - 1e-9); count * step <= high + step * 1e-9; count++) ticks.push(count * step);
  return {
    ticks,
    at: (value) => from + (value - low) / (high - low) * (to - from),
  };
}

/** Whole powers of ten, and where there are few of them also 2 and 5 times each. */
function logarithmicAxis([first, last]: readonly [number, number], { from, to, rounded }: Pixels): Axis {
  const low = rounded || first <= 0
    ? Math.floor(Math.log10(Math.max(first, Number.MIN_VALUE)) + 1e-9)
    : Math.log10(first);
  const reach = rounded ? Math.ceil(Math.log10(last) - 1e-9) : Math.log10(last);
  const high = reach > low ? reach : low + 1;
  const every = Math.ceil((high - low) / 8);
  const ticks: number[] = [];
  for (let power = Math.floor(low); power <= high; power += every) {
    for (const factor of high - low <= 3 ? [1, 2, 5] : [1]) {
      const value = factor * 10 ** power;
      if (Math.log10(value) >= low - 1e-9 && Math.log10(value) <= high + 1e-9) ticks.push(value);
    }
  }
  return {
    ticks,
    at: (value) => from + (Math.log10(value) - low) / (high - low) * (to - from),
  };
}

/** 1, 2 or 5 times a power of ten, not below `least`. */
function roundStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least));
  return (([1, 2, 5].find((factor) => factor * power >= least * (1 - 1e-9))) ?? 10) * power;
}

interface Frame {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

function grid({ xAxis, yAxis }: { xAxis: Axis; yAxis: Axis }, { left, right, top, bottom }: Frame): string {
  const lines: string[] = [], labels: string[] = [];
  for (const tick of xAxis.ticks) {
    const x = round(xAxis.at(tick));
    lines.push(`M${x} ${top}V${bottom}`);
    labels.push(text(formatTick(tick), { x, y: bottom + 18, size: 12, anchor: "middle" }));
  }
  for (const tick of yAxis.ticks) {
    const y = round(yAxis.at(tick));
    lines.push(`M${left} ${y}H${right}`);
    labels.push(text(formatTick(tick), { x: left - 7, y: y + 4, size: 12, anchor: "end" }));
  }
  return `<path d="${lines.join("")}" stroke="#ddd" fill="none"/>\n${labels.join("\n")}`;
}

const MARK_STYLES: Readonly<Record<Marks["kind"], string>> = {
  line: `stroke="#999" stroke-dasharray="5 4"`,
  foot: `stroke="#555"`,
};

function markLines({ at, kind }: Marks, { xAxis, frame }: { readonly xAxis: Axis; readonly frame: Frame }): string {
  const top = kind === "line" ? frame.top : frame.bottom - FOOT;
  const lines = at.filter(Number.isFinite).map((x) => `M${round(xAxis.at(x))} ${frame.bottom}V${top}`);
  return `<path d="${lines.join("")}" ${MARK_STYLES[kind]}/>`;
}

function curve(
  points: Series["points"],
  { at, xAxis, yAxis, shown, dots = false }: {
    at: number;
    xAxis: Axis;
    yAxis: Axis;
    shown: (point: readonly [number, number]) => boolean;
    dots?: boolean;
  },
): string {
  const commands: string[] = [];
  let run: [number, number][] = [];
  const finish = () => {
    thinned(run).forEach(([x, y], index) => commands.push(`${index === 0 ? "M" : "L"}${x} ${y}`));
    run = [];
  };
  for (const point of points) {
    if (shown(point)) run.push([round(xAxis.at(point[0])), round(yAxis.at(point[1]))]);
    else finish();
  }
  finish();
  const style = strokeOf(at);
  // A lone point has no line to be seen by.
  if (commands.length === 1) {
    const [x, y] = commands[0].slice(1).split(" ");
    return `<circle cx="${x}" cy="${y}" r="3" ${style}/>`;
  }
  const dotted = dots && commands.length <= MOST_DOTS ? commands : [];
  const circles = dotted.map((command) => {
    const [x, y] = command.slice(1).split(" ");
    return `<circle cx="${x}" cy="${y}" r="2.5" ${style}/>`;
  });
  return `<path d="${commands.join("")}" ${style}/>${circles.join("")}`;
}

/** Of each column of pixels only the first, lowest, highest and last point: the curve looks the same, spikes included. */
function thinned(points: readonly [number, number][]): [number, number][] {
  const kept: [number, number][] = [];
  for (let first = 0; first < points.length;) {
    const column = Math.floor(points[first][0]);
    let last = first, lowest = first, highest = first;
    for (let at = first; at < points.length && Math.floor(points[at][0]) === column; at++) {
      last = at;
      if (points[at][1] < points[lowest][1]) lowest = at;
      if (points[at][1] > points[highest][1]) highest = at;
    }
    const indices = new Set([first, lowest, highest, last].sort((a, b) => a - b));
    for (const at of indices) kept.push(points[at]);
    first = last + 1;
  }
  return kept;
}

function strokeOf(at: number): string {
  const dash = DASHES[Math.floor(at / COLOURS.length) % DASHES.length];
  return `stroke="${COLOURS[at % COLOURS.length]}"` + (dash === "" ? "" : ` stroke-dasharray="${dash}"`);
}

interface LegendEntry {
  readonly name: string;
  /** Attributes of its line. */
  readonly style: string;
  readonly x: number;
}

/** Places names side by side, in as many rows as they need. */
function legendRows(entries: readonly Omit<LegendEntry, "x">[], width: number): LegendEntry[][] {
  const rows: LegendEntry[][] = [];
  let x = Infinity;
  entries.forEach(({ name, style }) => {
    const needed = 50 + [...name].length * 8;
    if (x + needed > width - MARGIN.right) {
      rows.push([]);
      x = MARGIN.left;
    }
    rows[rows.length - 1].push({ name, style, x });
    x += needed;
  });
  return rows;
}

function legend(row: readonly LegendEntry[], y: number): string {
  return row.map(({ name, style, x }) =>
    `<path d="M${x} ${y}h24" stroke-width="2.5" ${style}/>` +
    text(name, { x: x + 30, y: y + 4, size: 12, anchor: "start" })
  ).join("\n");
}

function formatTick(value: number): string {
  if (value === 0) return "0";
  const size = Math.abs(value);
  const exact = Number(value.toPrecision(10)); // ticks are multiples of a step: what is beyond is rounding
  return size >= 1e6 || size < 1e-4 ? exact.toExponential().replace("e+", "e") : String(exact);
}
