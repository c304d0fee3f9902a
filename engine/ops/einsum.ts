/**
 * Einstein's summation: axes have letters, those that the result does not name are summed over. Two operands meet in one
 * matrix product, for which their axes are sorted into those that both keep (a batch), those of one alone (rows and
 * columns) and those that are summed over; more than two meet from left to right.
 */

import { ArgumentError, ShapeError } from "../errors.ts";
import { formatShape, sizeOf, stridesOf } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { permute, walk } from "./layout.ts";
import { matmul } from "./matmul.ts";

/** A tensor whose axes have names, each once. */
interface Named {
  readonly tensor: Tensor;
  readonly axes: readonly string[];
}

/**
 * The sum of products that a formula in letters says, as in NumPy: "ij,jk->ik" is a matrix product, "bij->bji" a
 * transpose, "ii->i" a diagonal, "i,j->ij" an outer product. "..." stands for any further axes, which broadcast. Without
 * an arrow the result has the letters that occur once, in alphabetical order.
 *
 * ```ts
 * import { createCpuDevice, einsum, tensor } from "@dinograd/dinograd/engine";
 *
 * const device = await createCpuDevice();
 * const [x, y] = [tensor(device, [1, 2, 3, 4], [2, 2]), tensor(device, [10, 100])];
 * console.log(await einsum("ij,j->i", x, y).data()); // [ 210, 430 ]
 * await device.destroy();
 * ```
 *
 * @throws {RangeError} for a formula that does not fit the operands
 * @category Linear algebra
 */
export function einsum(formula: string, ...operands: readonly Tensor[]): Tensor {
  const { terms, result } = parse(formula, operands);
  const fail = (found: string): never => {
    throw new ShapeError(`einsum: expected sizes that fit "${formula}" but found ${found}`);
  };
  const sizes = new Map<string, number>();
  terms.forEach((axes, i) =>
    axes.forEach((name, axis) => {
      const size = operands[i].shape[axis];
      const known = sizes.get(name) ?? (stretches(name) ? 1 : size);
      if (known !== size && !(stretches(name) && (known === 1 || size === 1))) {
        fail(operands.map(({ shape }) => formatShape(shape)).join(" and "));
      }
      sizes.set(name, known === 1 ? size : known);
    })
  );
  const parts = terms.map((axes, i) => withoutStretched(diagonalOf({ tensor: operands[i], axes }), sizes));
  let total = sumAllBut(parts[0], [...result, ...parts.slice(1).flatMap(({ axes }) => axes)]);
  for (let i = 1; i < parts.length; i++) {
    const kept = [...result, ...parts.slice(i + 1).flatMap(({ axes }) => axes)];
    total = product(total, sumAllBut(parts[i], [...kept, ...total.axes]), kept);
  }
  return inOrder(total, result.filter((name) => total.axes.includes(name))).reshape(
    result.map((name) => sizes.get(name)!), // every name of the result is one of an operand
  );
}

/**
 * x [n] and y [m] as all products [n, m].
 * @throws {RangeError} for other ranks
 * @category Linear algebra
 */
export function outer(x: Tensor, y: Tensor): Tensor {
  if (x.rank !== 1 || y.rank !== 1) {
    const found = [x, y].map(({ shape }) => formatShape(shape)).join(" and ");
    throw new ShapeError(`outer: expected two tensors of one axis but found ${found}`);
  }
  return x.reshape([x.size, 1]).mul(y);
}

/** Axes that "..." stands for have numbers, counted from the last, and stretch. */
const stretches = (name: string) => name.startsWith("-");

/** The names of every operand's axes, and of the result's. */
function parse(formula: string, operands: readonly Tensor[]): { terms: string[][]; result: string[] } {
  const fail = (found: string): never => {
    throw new ArgumentError(`einsum: expected a formula such as "ij,jk->ik" for ${operands.length} but found ${found}`);
  };
  const [left, right, ...more] = formula.replaceAll(" ", "").split("->");
  const written = left.split(",");
  if (more.length > 0 || written.length !== operands.length) fail(`"${formula}"`);
  const further = written.map((term, i) => {
    const letters = term.replace("...", "");
    const rest = operands[i].rank - letters.length;
    const fits = term === letters ? rest === 0 : rest >= 0;
    if (!/^[A-Za-z]*$/.test(letters) || !fits) fail(`"${term}" for ${formatShape(operands[i].shape)}`);
    return rest;
  });
  const namesOf = (term: string, count: number) => {
    const [before, after = ""] = term.split("...");
    const between = term.includes("...") ? Array.from({ length: count }, (_, i) => `${i - count}`) : [];
    return [...before, ...between, ...after];
  };
  const terms = written.map((term, i) => namesOf(term, further[i]));
  const letters = [...left].filter((letter) => /[A-Za-z]/.test(letter));
  const once = letters.filter((letter) => letters.indexOf(letter) === letters.lastIndexOf(letter)).sort();
  const implied = `${left.includes("...") ? "..." : ""}${once.join("")}`;
  const result = namesOf(right ?? implied, Math.max(0, ...further));
  const wrong = result.find((name, i) => result.indexOf(name) !== i || !terms.some((axes) => axes.includes(name)));
  if (wrong !== undefined) fail(`"${formula}", whose result has "${wrong}" twice, or no operand has it`);
  return { terms, result };
}

/** An axis for each name: of one that stands several times, where all its places are equal. */
function diagonalOf({ tensor, axes }: Named): Named {
  const names = [...new Set(axes)];
  if (names.length === axes.length) return { tensor, axes };
  const strides = stridesOf(tensor.shape);
  const sumOf = (name: string) => axes.reduce((sum, each, axis) => each === name ? sum + strides[axis] : sum, 0);
  const shape = names.map((name) => tensor.shape[axes.indexOf(name)]);
  return { tensor: walk(tensor, { shape, base: 0, strides: names.map(sumOf) }), axes: names };
}

/** Without the axes of size 1 that stretch in a product: there they are, if nowhere. */
function withoutStretched({ tensor, axes }: Named, sizes: ReadonlyMap<string, number>): Named {
  const stay = axes.map((name, axis) => tensor.shape[axis] === sizes.get(name));
  if (!stay.includes(false)) return { tensor, axes };
  return { tensor: tensor.reshape(tensor.shape.filter((_, i) => stay[i])), axes: axes.filter((_, i) => stay[i]) };
}

/** Summed over the axes that nobody else has. */
function sumAllBut({ tensor, axes }: Named, kept: readonly string[]): Named {
  const gone = axes.flatMap((name, axis) => kept.includes(name) ? [] : [axis]);
  if (gone.length === 0) return { tensor, axes };
  return { tensor: tensor.sum(gone), axes: axes.filter((name) => kept.includes(name)) };
}

/** The tensor with its axes in this order, each of which it has. */
function inOrder({ tensor, axes }: Named, order: readonly string[]): Tensor {
  const places = order.map((name) => axes.indexOf(name));
  return places.every((place, i) => place === i) ? tensor : permute(tensor, places);
}

/** Two operands, multiplied and summed over the axes that both have and nobody else. */
function product(a: Named, b: Named, kept: readonly string[]): Named {
  const shared = a.axes.filter((name) => b.axes.includes(name));
  const batch = shared.filter((name) => kept.includes(name));
  const summed = shared.filter((name) => !kept.includes(name));
  const [rows, columns] = [a, b].map(({ axes }) => axes.filter((name) => !shared.includes(name)));
  const sizeIn = ({ tensor, axes }: Named, names: readonly string[]) =>
    names.map((name) => tensor.shape[axes.indexOf(name)]);
  const [batchShape, rowShape, columnShape] = [sizeIn(a, batch), sizeIn(a, rows), sizeIn(b, columns)];
  const [count, m, n, k] = [batchShape, rowShape, columnShape, sizeIn(a, summed)].map(sizeOf);
  const left = inOrder(a, [...batch, ...rows, ...summed]);
  const right = inOrder(b, [...batch, ...summed, ...columns]);
  const multiply = () => {
    if (summed.length === 0) return left.reshape([count, m, 1]).mul(right.reshape([count, 1, n]));
    if (count * m * n * k === 0) return left.reshape([count, m, k, 1]).mul(right.reshape([count, 1, k, n])).sum(2);
    if (batch.length === 0) return matmul(left.reshape([m, k]), right.reshape([k, n]));
    return matmul(left.reshape([count, m, k]), right.reshape([count, k, n]));
  };
  const tensor = multiply().reshape([...batchShape, ...rowShape, ...columnShape]);
  return { tensor, axes: [...batch, ...rows, ...columns] };
}
