/**
 * A tensor as text, for `console.log` and notebooks: what it is in one line, then its values as NumPy prints them. Of many
 * only those at the edges are shown.
 */

import type { DType, TensorData } from "../dtype.ts";
import { formatShape, type Shape, sizeOf, stridesOf } from "../shape.ts";
import { notationFor } from "./numbers.ts";

/** What there is to show of a tensor. */
export interface Shown {
  /** The name of its class. */
  readonly name: string;
  readonly dtype: DType;
  readonly shape: Shape;
  /** Where it is, such as "on cpu", or why it is nowhere. */
  readonly place: string;
  /** Its elements, or undefined where they are not at hand. */
  readonly data: TensorData | undefined;
  /** What to do where they are not. */
  readonly advice?: string;
}

/** More elements than these are not all shown, but so many from each end of an axis. */
const MOST_ELEMENTS = 1000, EDGE = 3;
/** Elements that are shown behind a headline, on its line. */
const MOST_INLINE = 8;
const COLUMNS = 80;
const GAP = "…";

/** `Tensor f32 [2, 3] on cpu`. */
export function headline({ name, dtype, shape, place }: Shown): string {
  return `${name} ${dtype} ${formatShape(shape)} ${place}`;
}

/** The headline and the values, on lines of their own where they are many. */
export function textOf(shown: Shown): string {
  const { data, shape, advice } = shown;
  if (!data) return advice === undefined ? headline(shown) : `${headline(shown)}; ${advice}`;
  return isShort(shape) ? lineOf(shown) : `${headline(shown)}\n${valuesOf(data, shape)}`;
}

/** The headline on one line, with the values of a short list: for a tensor among other things. */
export function lineOf(shown: Shown): string {
  const { data, shape } = shown;
  return data && isShort(shape) ? `${headline(shown)}: ${valuesOf(data, shape, 0)}` : headline(shown);
}

const isShort = (shape: Shape) => shape.length <= 1 && sizeOf(shape) <= MOST_INLINE;

/** Which elements along an axis are shown; -1 for those that are left out. */
function shownIndices(length: number, isWhole: boolean): number[] {
  if (isWhole || length <= 2 * EDGE + 1) return Array.from({ length }, (_, i) => i);
  const ends = Array.from({ length: EDGE }, (_, i) => i);
  return [...ends, -1, ...ends.map((i) => length - EDGE + i)];
}

/** `least`: characters of each number; by default, as many as the longest has. */
function valuesOf(data: TensorData, shape: Shape, least?: number): string {
  const indices = shape.map((length) => shownIndices(length, sizeOf(shape) <= MOST_ELEMENTS));
  const strides = stridesOf(shape);
  const values: number[] = [];
  visit(0, 0);
  const write = notationFor(values);
  const width = least ?? values.reduce((most, value) => Math.max(most, write(value).length), 0);
  return block(0, 0);

  function visit(axis: number, offset: number): void {
    if (axis === shape.length) values.push(data[offset]);
    else for (const i of indices[axis]) if (i >= 0) visit(axis + 1, offset + i * strides[axis]);
  }

  function block(axis: number, offset: number): string {
    if (axis === shape.length) return write(data[offset]).padStart(width);
    const parts = indices[axis].map((i) => i < 0 ? GAP : block(axis + 1, offset + i * strides[axis]));
    const isRow = axis === shape.length - 1;
    const indent = " ".repeat(axis + 1);
    return `[${isRow ? wrapped(parts, indent) : parts.join(`,${"\n".repeat(shape.length - axis - 1)}${indent}`)}]`;
  }
}

/** The parts of a row, on as many lines as they take. */
function wrapped(parts: readonly string[], indent: string): string {
  const lines: string[] = [];
  let line = "";
  for (const [i, part] of parts.entries()) {
    const text = i === parts.length - 1 ? part : `${part},`;
    if (line !== "" && indent.length + line.length + 1 + text.length > COLUMNS) {
      lines.push(line);
      line = "";
    }
    line += line === "" ? text : ` ${text}`;
  }
  return [...lines, line].join(`\n${indent}`);
}
