/** Which classes of a checkpoint become which classes of a model. */
import { assertEquals, assertThrows } from "@std/assert";
import { matchClasses } from "../../../detector/weights/class_rows.ts";
import { DinogradError } from "../../../engine/errors.ts";

const FROM = [{ id: 1, name: "cat" }, { id: 2, name: "dog" }];
const TO = [{ id: 1, name: "dog" }, { id: 5, name: "cat" }];

Deno.test("a class that is renamed to another's name takes its place, and two can change places", () => {
  assertEquals(matchClasses(FROM, TO, { cat: "dog" }), [{ from: 1, to: 1, name: "dog" }]);
  assertEquals(matchClasses(FROM, TO, { cat: "dog", dog: "cat" }), [
    { from: 1, to: 1, name: "dog" },
    { from: 2, to: 5, name: "cat" },
  ]);
});

Deno.test("two classes cannot be renamed to one", () => {
  assertThrows(() => matchClasses(FROM, TO, { cat: "dog", dog: "dog" }), DinogradError, "found several");
});
