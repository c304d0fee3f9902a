/** Errors are told apart by class and code; the codes are a promise, so each is documented, and none is that does not exist. */
import { assert, assertEquals } from "@std/assert";
import { LockError, SaveError } from "../../checkpoint/mod.ts";
import * as errors from "../../engine/errors.ts";
import { DinogradError } from "../../engine/errors.ts";

const read = (path: string) => Deno.readTextFileSync(new URL(`../../${path}`, import.meta.url));

/** The texts of a union type. */
function codesOf(path: string, type: string): string[] {
  const [, union] = new RegExp(`export type ${type} =([^;]+);`).exec(read(path)) ?? [];
  assert(union !== undefined, `${path} has no ${type}`);
  return [...union.matchAll(/"(\w+)"/g)].map(([, code]) => code);
}

const CODES = [
  ...codesOf("platform/errors.ts", "ErrorKind"),
  ...codesOf("platform/errors.ts", "FailureCode"),
  ...codesOf("engine/errors.ts", "CallErrorCode"),
];

Deno.test("every code of an error is described in errors.md, and nothing else is listed there", () => {
  const listed = read("docs/errors.md").split("\n").filter((line) => /^\s*- `/.test(line))
    .flatMap((line) => [...line.split(/[:(]/)[0].matchAll(/`(\w+)`/g)].map(([, name]) => name))
    .filter((name) => !name.endsWith("Error"));
  assertEquals(listed.toSorted(), CODES.toSorted());
});

Deno.test("a wrong call is one of JavaScript's errors, with a class and a code of its own", () => {
  const { DinogradError: _, ...classes } = errors;
  const codes = Object.entries(classes).map(([name, Class]) => {
    const error = new Class("x: expected y but found z");
    assertEquals([error.name, error.message], [name, "x: expected y but found z"]);
    assert(error instanceof Error && !(error instanceof DinogradError));
    return error.code;
  });
  assertEquals(codes.toSorted(), codesOf("engine/errors.ts", "CallErrorCode").toSorted());
  assert(new errors.ShapeError("") instanceof RangeError && new errors.ArgumentError("") instanceof RangeError);
  assert(new errors.DTypeError("") instanceof TypeError && new errors.OperandError("") instanceof TypeError);
});

Deno.test("what a user can cause has its kind as code, where nothing says it more exactly", () => {
  const cause = new Error("why");
  assertEquals(new DinogradError("data", "x").code, "data");
  const full = new DinogradError("device", "x", { cause, code: "out_of_memory" });
  assertEquals([full.kind, full.code, full.cause], ["device", "out_of_memory", cause]);
  const lock = new LockError("x");
  assertEquals([lock.kind, lock.code], ["checkpoint", "locked"]);
  const save = new SaveError("no_space", "x", { cause });
  assertEquals([save.kind, save.code, save.cause], ["checkpoint", "no_space", cause]);
});
