import { assertEquals } from "@std/assert";
import { exercise } from "./exercise.ts";

const { suppress } = await exercise<typeof import("./16-nms.ts")>("16-nms");

Deno.test("of boxes on one thing the best stays", () => {
  const found = [
    { bbox: [0, 0, 10, 10], score: 0.6 },
    { bbox: [1, 0, 10, 10], score: 0.9 },
    { bbox: [30, 0, 10, 10], score: 0.5 },
  ];
  assertEquals(suppress(found, 0.5).map(({ score }) => score), [0.9, 0.5]);
  assertEquals(suppress(found, 0.95).length, 3);
});

Deno.test("what was suppressed suppresses nothing", () => {
  const found = [0, 4, 8].map((left, at) => ({ bbox: [left, 0, 10, 10], score: 0.9 - at / 10 }));
  assertEquals(suppress(found, 0.3).map(({ bbox }) => bbox[0]), [0, 8]);
});
