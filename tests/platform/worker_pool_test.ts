import { assertEquals, assertRejects } from "@std/assert";
import { DinogradError } from "../../platform/errors.ts";
import { WorkerPool } from "../../platform/worker_pool.ts";
import type { PoolAnswer, PoolRequest } from "./pool_worker_work.ts";

async function withPool(
  options: { readonly count: number; readonly atOnce?: number },
  body: (pool: WorkerPool<PoolRequest, PoolAnswer>, started: () => number) => Promise<void>,
): Promise<void> {
  let started = 0;
  const pool = new WorkerPool<PoolRequest, PoolAnswer>({
    ...{ name: "test worker", ...options },
    ...{ file: "./pool_worker.js", from: import.meta.url },
    start: () => {
      started++;
      return new Worker(new URL("./pool_worker.js", import.meta.url), { type: "module" });
    },
    here: () => import("./pool_worker.js"),
  });
  try {
    await body(pool, () => started);
  } finally {
    pool.close();
  }
}

/** Takes `wait` milliseconds. */
const request = (end: PoolRequest["end"], wait = 0): PoolRequest => ({ end, bytes: Uint8Array.of(wait) });

for (const atOnce of [1, Infinity]) {
  Deno.test(`a worker that is given ${atOnce} at once answers in order, whatever each takes, and moves what it is told to`, async () => {
    await withPool({ count: 1, atOnce }, async (pool) => {
      const requests = [30, 0, 10].map((wait) => request("answer", wait));
      const running = requests.map((one) => pool.run(one, { transfer: [one.bytes.buffer] }));
      assertEquals(requests.map(({ bytes }) => bytes.length), atOnce === 1 ? [0, 1, 1] : [0, 0, 0]);
      assertEquals((await Promise.all(running)).map(({ bytes, nth }) => [bytes[0], nth]), [[30, 1], [0, 2], [10, 3]]);
    });
  });
}

Deno.test("requests go to whoever has least to do", async () => {
  await withPool({ count: 2 }, async (pool) => {
    await Promise.all([0, 0].map((wait) => pool.run(request("answer", wait)))); // now both are there
    const nths = await Promise.all([500, 0, 0, 0].map((wait) => pool.run(request("answer", wait))));
    assertEquals(nths.map(({ nth }) => nth), [2, 2, 3, 4]);
  });
});

Deno.test("an error comes back to who asked, as one of a user where it was, and the worker goes on", async () => {
  await withPool({ count: 1 }, async (pool, started) => {
    await assertRejects(() => pool.run(request("error")), Error, "it went wrong");
    const refusal = await assertRejects(() => pool.run(request("refusal")), DinogradError);
    assertEquals([refusal.kind, refusal.message], ["data", "a.jpg: expected a picture"]);
    assertEquals((await pool.run(request("answer"))).nth, 3);
    assertEquals(started(), 1);
  });
});

Deno.test("what a worker had been given when it crashed is rejected, and another does what waits", async () => {
  await withPool({ count: 1, atOnce: 2 }, async (pool, started) => {
    const [crash, given, waiting] = ["crash", "answer", "answer"].map((end) => pool.run(request(end as "crash")));
    await Promise.all([crash, given].map((one) => assertRejects(() => one, Error, "test worker: ")));
    assertEquals([(await waiting).nth, started()], [1, 2]);
  });
});

Deno.test("what is called off before its turn never runs, and what cannot be sent is an error of its own", async () => {
  await withPool({ count: 1 }, async (pool) => {
    const calledOff = new AbortController();
    const first = pool.run(request("answer", 20));
    const second = pool.run(request("answer"), { signal: calledOff.signal });
    const odd = pool.run({ ...request("answer"), odd: () => {} } as PoolRequest); // functions cannot be cloned
    const last = pool.run(request("answer"));
    calledOff.abort("enough");
    await first;
    assertEquals(await second.catch((reason) => reason), "enough");
    await assertRejects(() => odd, DOMException);
    assertEquals((await last).nth, 2);
  });
});

Deno.test("a pool that is closed rejects what runs, what waits and what comes later", async () => {
  await withPool({ count: 1 }, async (pool) => {
    const running = [1, 2].map(() => pool.run(request("answer", 250)));
    pool.close();
    for (const one of [...running, pool.run(request("answer"))]) {
      await assertRejects(() => one, Error, "test worker: closed before all was done");
    }
  });
});

Deno.test("where the worker's file is missing, the work is done on the thread that asks for it", async () => {
  const pool = new WorkerPool<PoolRequest, PoolAnswer>({
    ...{ name: "test worker", count: 2, file: "./missing.js", from: import.meta.url },
    start: () => new Worker(new URL("./missing.js", import.meta.url), { type: "module" }),
    here: () => import("./pool_worker.js"),
  });
  try {
    const answers = await Promise.all([1, 2, 3].map(() => pool.run(request("answer"))));
    assertEquals(answers.map(({ nth }) => nth).sort(), [1, 2, 3]);
    assertEquals((await pool.run(request("answer"))).nth, 4);
    await assertRejects(() => pool.run(request("refusal")), DinogradError, "a.jpg: expected a picture");
  } finally {
    pool.close();
  }
});
