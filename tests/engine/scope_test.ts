/** Scopes: what is made in one dies at its end, however that comes. */
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { currentScope, type Scope, scoped } from "../../engine/scope.ts";

Deno.test("a scope around a function closes at its end, be that a value, a promise or an error", async () => {
  const dead: string[] = [];
  const item = (name: string) => ({ dispose: () => void dead.push(name) });
  const own = (inner: Scope, name: string) => inner.own(item(name));
  assertEquals(scoped((inner) => (own(inner, "value"), 7)), 7);
  assertThrows(
    () =>
      scoped((inner) => {
        own(inner, "error");
        throw new Error("no");
      }),
    Error,
    "no",
  );
  const waiting = scoped(async (inner) => {
    own(inner, "promise");
    await Promise.resolve();
    assertEquals([dead.length, currentScope() === inner], [2, true]);
  });
  await waiting;
  await assertRejects(
    () =>
      scoped(async (inner) => {
        own(inner, "rejection");
        await Promise.reject(new Error("late"));
      }),
    Error,
    "late",
  );
  assertEquals(dead, ["value", "error", "promise", "rejection"]);
  assertEquals(currentScope(), undefined);
});
