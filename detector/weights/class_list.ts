/**
 * Names of classes from a file, in whichever form people have them: the categories of a COCO annotation file, a JSON list
 * or map, or a line for each class.
 */

import { DinogradError } from "../../engine/errors.ts";
import type { ClassName } from "./named_weight.ts";

/**
 * Reads the text of a file with class names: `{"categories": [{"id": 1, "name": "cat"}, …]}`, such a list alone,
 * `["cat", …]` from class 0 on, `{"1": "cat", …}`, or lines of text from class 0 on, where an empty line names none.
 * @throws DinogradError("data") where it is none of these, names nothing, or names a class twice
 */
export function parseClassList(text: string, place: string): ClassName[] {
  const fail = (expected: string, found: string): never => {
    throw new DinogradError("data", `${place}: expected ${expected} but found ${found}`);
  };
  const plain = text.replace(/^\ufeff/, "");
  const classes = /^\s*[[{]/.test(plain) ? fromJson(plain, fail) : fromLines(plain);
  if (classes.length === 0) fail("names of classes", "none");
  const ids = new Set<number>();
  for (const { id, name } of classes) {
    if (!Number.isSafeInteger(id) || id < 0) fail(`an integer of at least 0 as the id of "${name}"`, String(id));
    if (ids.has(id)) fail("each class once", `class ${id} again`);
    ids.add(id);
  }
  return classes;
}

type Fail = (expected: string, found: string) => never;

function fromLines(text: string): ClassName[] {
  return text.split(/\r?\n/).map((line, id) => ({ id, name: line.trim() })).filter(({ name }) => name !== "");
}

function fromJson(text: string, fail: Fail): ClassName[] {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return fail("JSON, or a line of text for each class", "text that begins like JSON and is none");
  }
  const root = asRecord(json);
  const entries = root && Array.isArray(root.categories) ? root.categories : json;
  if (Array.isArray(entries)) return entries.map((entry: unknown, id) => fromEntry(entry, { id, fail }));
  return Object.entries(root ?? {}).map(([id, name]) =>
    typeof name === "string" && /^\d+$/.test(id)
      ? { id: Number(id), name }
      : fail(`a class id and its name, such as "1": "cat",`, `"${id}": ${JSON.stringify(name)}`)
  );
}

function fromEntry(entry: unknown, { id, fail }: { readonly id: number; readonly fail: Fail }): ClassName {
  if (typeof entry === "string") return { id, name: entry };
  const { id: ownId, name } = asRecord(entry) ?? {};
  if (typeof ownId === "number" && typeof name === "string") return { id: ownId, name };
  return fail(`a name or {"id": …, "name": …} as entry ${id}`, JSON.stringify(entry));
}

function asRecord(value: unknown): Record<string, unknown> | null {
  // An object that JSON.parse made is a record of its keys.
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value as Record<string, unknown> : null;
}
