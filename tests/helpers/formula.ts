/** Values of the goldens' specs: every number follows from a tensor's name (see FORMULA.md beside the goldens). */

import { hashName } from "../../engine/random.ts";

export interface Spec {
  readonly name?: string;
  readonly kind: string;
  readonly shape: readonly number[];
  readonly scale?: number;
  readonly offset?: number;
  readonly lo?: number;
  readonly hi?: number;
  readonly p?: number;
  readonly wmin?: number;
  readonly wmax?: number;
  readonly block?: number;
  readonly a?: number;
  readonly b?: number;
  readonly data?: readonly number[];
}

/** A row of a weight list: key, formula name, shape, kind, scale, offset. */
export type ParamRow = readonly [string, string, readonly number[], string, number, number];

/** u(NAME, i): uniform in [0, 1) with 24 bits. */
function uniforms(name: string): (i: number) => number {
  const seed = hashName(name);
  return (i) => {
    let x = (seed + Math.imul(i, 0x9e3779b9)) | 0;
    x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
    x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
    return ((x ^ (x >>> 16)) >>> 8) * 2 ** -24;
  };
}

/** A number that a kind needs. */
function need(
  spec: Spec,
  field: "scale" | "offset" | "lo" | "hi" | "p" | "wmin" | "wmax" | "block" | "a" | "b",
): number {
  const value = spec[field];
  if (value === undefined) throw new Error(`formula: expected "${field}" in ${spec.name} of kind ${spec.kind}`);
  return value;
}

/** The elements of a spec, row-major, each float32 (or a whole number). */
export function formula(spec: Spec): Float32Array {
  const size = spec.shape.reduce((product, dimension) => product * dimension, 1);
  const u = uniforms(spec.name ?? "");
  const values = new Float32Array(size);
  switch (spec.kind) {
    case "sym": {
      const [offset, scale] = [need(spec, "offset"), need(spec, "scale")];
      for (let i = 0; i < size; i++) values[i] = offset + (2 * u(i) - 1) * scale;
      return values;
    }
    case "uni": {
      const [offset, scale] = [need(spec, "offset"), need(spec, "scale")];
      for (let i = 0; i < size; i++) values[i] = offset + u(i) * scale;
      return values;
    }
    case "int": {
      const [lo, hi] = [need(spec, "lo"), need(spec, "hi")];
      for (let i = 0; i < size; i++) values[i] = lo + Math.floor(u(i) * (hi - lo));
      return values;
    }
    case "bool": {
      const p = need(spec, "p");
      for (let i = 0; i < size; i++) values[i] = u(i) < p ? 1 : 0;
      return values;
    }
    case "boxes": {
      const [wmin, wmax] = [need(spec, "wmin"), need(spec, "wmax")];
      for (let i = 0; i < size; i += 4) {
        const w = wmin + u(i + 2) * (wmax - wmin);
        const h = wmin + u(i + 3) * (wmax - wmin);
        values.set([w * 0.5 + u(i) * (1 - w), h * 0.5 + u(i + 1) * (1 - h), w, h], i);
      }
      return values;
    }
    case "blocks": {
      const [a, b, block] = [need(spec, "a"), need(spec, "b"), need(spec, "block")];
      const [, height, width] = spec.shape;
      const coarse = uniforms(`${spec.name}.coarse`);
      const [rows, columns] = [Math.ceil(height / block), Math.ceil(width / block)];
      for (let i = 0; i < size; i++) {
        const x = i % width, y = Math.floor(i / width) % height, c = Math.floor(i / (width * height));
        const at = (c * rows + Math.floor(y / block)) * columns + Math.floor(x / block);
        values[i] = a * (2 * coarse(at) - 1) + b * (2 * u(i) - 1);
      }
      return values;
    }
    case "list":
      values.set(spec.data ?? []);
      return values;
    default:
      throw new Error(`formula: expected a known kind but found "${spec.kind}"`);
  }
}

/** The values of a weight list by key, each formula name computed once. */
export function paramValues(rows: readonly ParamRow[]): Map<string, { shape: readonly number[]; data: Float32Array }> {
  const byName = new Map<string, Float32Array>();
  return new Map(rows.map(([key, name, shape, kind, scale, offset]) => {
    const data = byName.get(name) ?? formula({ name, shape, kind, scale, offset });
    byName.set(name, data);
    return [key, { shape, data }];
  }));
}
