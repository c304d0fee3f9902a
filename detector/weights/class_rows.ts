/**
 * Which rows of class heads and label embeddings carry over to a model with other classes: those of classes with the same
 * name. A row is a category id, in the file as in the model.
 */

import { describe } from "../../engine/describe.ts";
import { DinogradError } from "../../engine/errors.ts";
import type { ClassName, Weights } from "./named_weight.ts";

/** Names in the file → names in the model, for classes that were renamed. */
export type ClassMap = Readonly<Record<string, string>>;

/** Row `from` of the file's tensor becomes row `to` of the model's. */
export interface CarriedRow {
  readonly from: number;
  readonly to: number;
  readonly name: string;
}

/** Parameters with a row for each class: `class_embed.3.weight`, `transformer.enc_out_class_embed.bias`, `label_enc.weight`. */
export function hasClassRows(name: string): boolean {
  return /(^|\.)(class_embed\.\d+|enc_out_class_embed|label_enc)\.(weight|bias)$/.test(name);
}

/** Reads the text of a class map. @throws DinogradError("config") where it is no object of names. */
export function parseClassMap(text: string, place: string): ClassMap {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new DinogradError("config", `${place}: expected JSON such as {"old name": "new name"} but found other text`);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new DinogradError("config", `${place}: expected an object such as {"old name": "new name"}`);
  }
  const pairs = Object.entries(value).map(([from, to]): [string, string] => {
    if (typeof to === "string") return [from, to];
    throw new DinogradError("config", `${place}: expected a name for ${describe(from)} but found ${describe(to)}`);
  });
  return Object.fromEntries(pairs);
}

/**
 * Pairs the classes of a file with those of a model by name.
 * @throws DinogradError("config") where the map names a class that its side does not have, or one class
 * twice as a new name
 */
export function matchClasses(
  from: readonly ClassName[],
  to: readonly ClassName[],
  classMap: ClassMap = {},
): CarriedRow[] {
  const targets = new Map(to.map(({ id, name }) => [name, id]));
  const sources = new Set(from.map(({ name }) => name));
  const renamed = new Set<string>();
  for (const [before, after] of Object.entries(classMap)) {
    if (!sources.has(before)) {
      throw new DinogradError("config", `class map: expected a class of the checkpoint but found "${before}"`);
    }
    if (!targets.has(after)) {
      throw new DinogradError("config", `class map: expected a class of the data set but found "${after}"`);
    }
    if (renamed.has(after)) {
      throw new DinogradError("config", `class map: expected one class to become "${after}" but found several`);
    }
    renamed.add(after);
  }
  return from.flatMap(({ id, name }) => {
    const isMapped = Object.hasOwn(classMap, name);
    if (!isMapped && renamed.has(name)) return []; // its row is another class's now
    const newName = isMapped ? classMap[name] : name;
    const target = targets.get(newName);
    return target === undefined ? [] : [{ from: id, to: target, name: newName }];
  });
}

/** Whether both lists give every label the same name. */
export function sameClasses(a: readonly ClassName[], b: readonly ClassName[]): boolean {
  const names = new Map(a.map(({ id, name }) => [id, name]));
  return a.length === b.length && b.every(({ id, name }) => names.get(id) === name);
}

/**
 * The classes of a file's rows. A file that names none has its rows' numbers as names where a class map asks for them:
 * `{"17": "cat"}` carries over row 17.
 */
export function classesOfFile(
  { classes, tensors }: { readonly classes: readonly ClassName[] | null; readonly tensors: Weights },
  classMap?: ClassMap,
): readonly ClassName[] | null {
  if (classes || !classMap) return classes;
  const heads = [...tensors].filter(([name]) => /(^|\.)class_embed\.\d+\.bias$/.test(name));
  if (heads.length === 0) return null;
  return Array.from({ length: heads[0][1].shape[0] }, (_, id) => ({ id, name: String(id) }));
}
