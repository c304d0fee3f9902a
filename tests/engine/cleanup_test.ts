import { assertEquals, assertRejects } from "@std/assert";
import { withCleanup } from "../../engine/cleanup.ts";

const fail = (message: string) => () => Promise.reject(new Error(message));

Deno.test("cleanup follows the work, whatever became of it", async () => {
  const order: string[] = [];
  const note = (word: string) => () => void order.push(word);
  assertEquals(await withCleanup(() => Promise.resolve(order.push("work")), note("cleanup")), 1);
  await assertRejects(() => withCleanup(fail("work"), note("cleanup")), Error, "work");
  assertEquals(order, ["work", "cleanup", "cleanup"]);
});

Deno.test("of two errors that of the work is told; that of the cleanup alone is thrown, or handed to who asks for it", async () => {
  await assertRejects(() => withCleanup(fail("work"), fail("cleanup")), Error, "work");
  await assertRejects(() => withCleanup(() => Promise.resolve(1), fail("cleanup")), Error, "cleanup");
  const told: unknown[] = [];
  assertEquals(await withCleanup(() => Promise.resolve(1), fail("cleanup"), (error) => told.push(error)), 1);
  assertEquals(told.map(String), ["Error: cleanup"]);
});
