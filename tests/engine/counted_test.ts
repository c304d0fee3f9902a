import { assertEquals } from "@std/assert";
import { counted } from "../../engine/counted.ts";

Deno.test("one is singular, none and many are plural, also where an s is not enough", () => {
  assertEquals([0, 1, 2].map((count) => counted(count, "epoch")), ["0 epochs", "1 epoch", "2 epochs"]);
  assertEquals([1, 3].map((count) => counted(count, "box", "boxes")), ["1 box", "3 boxes"]);
});
