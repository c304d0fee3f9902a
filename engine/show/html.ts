/**
 * A tensor as HTML, for notebooks: a table of its values on a background that shows how large they are, or a map of these
 * colours alone where the table would be too large to read. Of more than two axes the first matrix is shown.
 */

import type { TensorData } from "../dtype.ts";
import { type Shape, sizeOf } from "../shape.ts";
import { notationFor } from "./numbers.ts";
import { headline, type Shown } from "./text.ts";

/** Larger matrices are shown as maps. */
const MOST_ROWS = 24, MOST_COLUMNS = 16;
/** Cells of a map on a side; each is the mean of what lies there. */
const MOST_CELLS = 64;
/** Side of a cell, in pixels. */
const CELL = 6;

interface Matrix {
  readonly rows: number;
  readonly columns: number;
  readonly at: (row: number, column: number) => number;
}

/** A caption and the values. */
export function htmlOf(shown: Shown): string {
  const { data, shape } = shown;
  if (!data || sizeOf(shape) === 0) return paragraph(headline(shown));
  const matrix = firstMatrix(data, shape);
  const part = shape.length > 2 ? `, the first matrix of ${sizeOf(shape.slice(0, -2))}` : "";
  const isTable = matrix.rows <= MOST_ROWS && matrix.columns <= MOST_COLUMNS;
  return paragraph(`${headline(shown)}${part}`) + (isTable ? tableOf(matrix) : mapOf(matrix));
}

function firstMatrix(data: TensorData, shape: Shape): Matrix {
  const [rows, columns] = [shape.at(-2) ?? 1, shape.at(-1) ?? 1];
  return { rows, columns, at: (row, column) => data[row * columns + column] };
}

function valuesOf({ rows, columns, at }: Matrix): number[] {
  return Array.from({ length: rows * columns }, (_, i) => at(Math.floor(i / columns), i % columns));
}

function tableOf(matrix: Matrix): string {
  const values = valuesOf(matrix);
  const write = notationFor(values);
  const colour = coloursFor(values);
  const cell = (value: number) =>
    `<td style="background:${colour(value)};color:#000;text-align:right">${escaped(write(value))}</td>`;
  const lines = Array.from({ length: matrix.rows }, (_, row) => {
    const cells = Array.from({ length: matrix.columns }, (_, column) => cell(matrix.at(row, column)));
    return `<tr>${cells.join("")}</tr>`;
  });
  return `<table style="font-family:monospace">${lines.join("")}</table>`;
}

function mapOf(matrix: Matrix): string {
  const small = shrunk(matrix);
  const values = valuesOf(small);
  const colour = coloursFor(values);
  const rects = values.map((value, i) => {
    const [x, y] = [(i % small.columns) * CELL, Math.floor(i / small.columns) * CELL];
    return `<rect x="${x}" y="${y}" width="${CELL}" height="${CELL}" fill="${colour(value)}"/>`;
  });
  const [width, height] = [small.columns * CELL, small.rows * CELL];
  const range = rangeOf(matrix);
  const write = notationFor(range);
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">${rects.join("")}</svg>` +
    paragraph(range.map(write).join(" to "));
}

/** The least and the largest of the numbers that are some. */
function rangeOf({ rows, columns, at }: Matrix): readonly number[] {
  let [least, most] = [Infinity, -Infinity];
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const value = at(row, column);
      if (value < least) least = value;
      if (value > most) most = value;
    }
  }
  return least <= most ? [least, most] : [NaN];
}

/** Means over equal parts, at most `MOST_CELLS` on a side. */
function shrunk({ rows, columns, at }: Matrix): Matrix {
  const [down, across] = [rows, columns].map((size) => Math.ceil(size / MOST_CELLS));
  return {
    rows: Math.ceil(rows / down),
    columns: Math.ceil(columns / across),
    at: (row, column) => {
      let [total, count] = [0, 0];
      for (let y = row * down; y < Math.min(rows, (row + 1) * down); y++) {
        for (let x = column * across; x < Math.min(columns, (column + 1) * across); x++, count++) total += at(y, x);
      }
      return total / count;
    },
  };
}

/** White at 0, the more orange the larger a positive number is, the more blue a negative one; gray what is no number. */
function coloursFor(values: readonly number[]): (value: number) => string {
  const largest = values.filter(Number.isFinite).reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return (value) => {
    if (Number.isNaN(value)) return "#bbb";
    const strength = largest === 0 ? 0 : Math.min(1, Math.abs(value) / largest);
    const faded = (channel: number) => Math.round(255 - (255 - channel) * strength);
    const [red, green, blue] = (value < 0 ? [90, 150, 230] : [245, 150, 60]).map(faded);
    return `rgb(${red},${green},${blue})`;
  };
}

const paragraph = (text: string) => `<p style="font-family:monospace">${escaped(text)}</p>`;

const escaped = (text: string) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
