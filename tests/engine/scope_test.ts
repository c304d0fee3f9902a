/** Scopes: what is made in one dies at its end, however that comes. */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { ReferenceDevice } from "../../engine/device/reference.ts";
import { DisposedError, ScopeError } from "../../engine/errors.ts";
import { currentScope, type Scope, scope, scoped } from "../../engine/scope.ts";
import { type Tensor, tensor } from "../../engine/tensor.ts";
import { inTurn } from "../../engine/turns.ts";

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
    assertEquals(currentScope() === inner, true);
    await Promise.resolve();
    assertEquals([dead.length, currentScope(), inner.run(currentScope) === inner], [2, undefined, true]);
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

/** Resolves after so many rounds of everything that waits. */
async function rounds(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await Promise.resolve();
}

Deno.test("tasks that take turns have a scope each: what one makes does not die with another's", async () => {
  const device = new ReferenceDevice();
  const task = (length: number) =>
    scoped(async (inner) => {
      let x = tensor(device, Array.from({ length }, (_, i) => i));
      for (let step = 0; step < 5; step++) {
        await rounds(length);
        x = inner.run(() => x.add(length));
      }
      return [...await x.data()];
    });
  const alone = [];
  for (const length of [1, 2, 3, 4]) alone.push(await task(length));
  assertEquals(alone[1], [10, 11]);
  assertEquals(await Promise.all([1, 2, 3, 4].map(task)), alone);
  assertEquals([device.memory.used, currentScope()], [0, undefined]);
});

Deno.test("a task within a scope that stays open across its awaits hands on what it keeps, and disturbs nobody", async () => {
  const device = new ReferenceDevice();
  {
    using step = scope();
    const kept = scoped(async (inner) => {
      await rounds(3);
      return inner.run(() => inner.keep(tensor(device, [1]).add(1)));
    });
    const own = tensor(device, [5]);
    await rounds(1);
    assertEquals(currentScope() === step, true);
    assertEquals([...await (await kept).data(), ...await own.data()], [2, 5]);
    assertEquals(step.size, 2);
  }
  assertEquals(device.memory.used, 0);
});

Deno.test("tasks that share the stack of scopes are told so, with the way out, and leave nothing behind", async () => {
  const device = new ReferenceDevice();
  const task = async (waits: number) => {
    using _ = scope();
    const x = tensor(device, [1, 2]);
    await rounds(waits);
    return [...await x.data()];
  };
  const [first, second] = await Promise.allSettled([task(2), task(9)]);
  const error = first.status === "rejected" ? first.reason : undefined;
  assert(error instanceof ScopeError && error.code === "scope", String(error));
  for (const word of ["innermost first", "scoped()", "run()"]) assert(error.message.includes(word), error.message);
  assertEquals(second, { status: "fulfilled", value: [1, 2] });
  assertEquals([device.memory.used, currentScope()], [0, undefined]);
});

Deno.test("a part of a task that leaves a scope open, or comes after its end, is refused", async () => {
  const device = new ReferenceDevice();
  const leaving = async () => {
    using _ = scope();
    tensor(device, [1]);
    await rounds(1);
  };
  await assertRejects(async () => await scoped((inner) => inner.run(leaving)), ScopeError, "scoped() opens one");
  assertThrows(() => scoped(() => void scope()), ScopeError, "found one");
  let late: Scope | undefined;
  scoped((inner) => late = inner);
  assertThrows(() => late?.run(() => tensor(device, [1])), ScopeError, "closed");
  let kept: Promise<Tensor> | undefined;
  scoped(() => {
    kept = scoped(async (inner) => {
      await rounds(2);
      return inner.run(() => inner.keep(tensor(device, [1])));
    });
  });
  await assertRejects(async () => await kept, ScopeError, "await its tasks first");
  await rounds(5);
  assertEquals([device.memory.used, currentScope()], [0, undefined]);
});

Deno.test("what outlives its scope says why it cannot be used", () => {
  const device = new ReferenceDevice();
  const x = scoped(() => tensor(device, [1]));
  assertThrows(() => x.add(1), DisposedError, "by the end of its scope, which keep() can outlive");
});

Deno.test("work in line is done one after another, in its order, also after work that failed; other lines go on", async () => {
  const [here, there] = [{}, {}];
  const events: string[] = [];
  const work = (name: string, waits: number) => async () => {
    events.push(`${name} begins`);
    await rounds(waits);
    events.push(`${name} ends`);
    if (name === "bad") throw new Error("bad");
    return name;
  };
  const all = await Promise.allSettled([
    inTurn(here, work("slow", 20)),
    inTurn(here, work("bad", 2)),
    inTurn(here, work("last", 1)),
    inTurn(there, work("other", 3)),
  ]);
  assertEquals(all.map(({ status }) => status), ["fulfilled", "rejected", "fulfilled", "fulfilled"]);
  const inLine = events.filter((event) => !event.startsWith("other"));
  assertEquals(inLine, ["slow", "bad", "last"].flatMap((name) => [`${name} begins`, `${name} ends`]));
  assert(events.indexOf("other ends") < events.indexOf("slow ends"));
  assertEquals(await inTurn(here, work("again", 0)), "again");
});
