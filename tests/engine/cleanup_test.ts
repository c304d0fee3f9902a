import { assertEquals, assertRejects } from "@std/assert";
import { holding, opening, withCleanup } from "../../engine/cleanup.ts";

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

Deno.test("what is held is disposed of, also after a failure, and the failure of the work is the one to tell", async () => {
  const order: string[] = [];
  const resource = (name: string, error?: string) => ({
    name,
    [Symbol.asyncDispose]: () => error ? Promise.reject(new Error(error)) : Promise.resolve(void order.push(name)),
  });
  assertEquals(await holding(resource("a"), ({ name }) => name), "a");
  assertEquals(await holding(null, (held) => held), null);
  await assertRejects(() => holding(resource("b"), fail("work")), Error, "work");
  await assertRejects(() => holding(resource("c", "dispose"), fail("work")), Error, "work");
  await assertRejects(() => holding(resource("d", "dispose"), () => 1), Error, "dispose");
  assertEquals(order, ["a", "b"]);
});

Deno.test("what was opened together closes once, the last first, and all of it where one fails", async () => {
  const order: string[] = [];
  const opened = await opening((opened) => {
    opened.defer(() => void order.push("first"));
    opened.defer(fail("second"));
    assertEquals(opened.use({ [Symbol.asyncDispose]: () => Promise.resolve(void order.push("third")) }) !== null, true);
    return opened;
  });
  assertEquals(order, []);
  await assertRejects(() => opened[Symbol.asyncDispose](), Error, "second");
  await opened[Symbol.asyncDispose]();
  assertEquals(order, ["third", "first"]);

  const half = opening(async (opened) => {
    opened.defer(() => void order.push("half"));
    opened.defer(fail("cleanup"));
    await fail("open")();
  });
  await assertRejects(() => half, Error, "open");
  assertEquals(order, ["third", "first", "half"]);
});
