import { assert, assertEquals, assertThrows } from "@std/assert";
import { assumedClasses, parseClassList } from "../../../detector/weights/mod.ts";
import { cocoClasses } from "../../../detector/weights/coco_classes.ts";
import { DinogradError } from "../../../engine/errors.ts";

Deno.test("COCO's 80 categories have COCO's ids", () => {
  const classes = cocoClasses();
  assertEquals(classes.length, 80);
  const names = new Map(classes.map(({ id, name }) => [id, name]));
  for (
    const [id, name] of [[1, "person"], [11, "fire hydrant"], [13, "stop sign"], [44, "bottle"], [90, "toothbrush"]]
  ) {
    assertEquals(names.get(Number(id)), name);
  }
  for (const gap of [0, 12, 26, 29, 30, 45, 66, 68, 69, 71, 83, 91]) assert(!names.has(gap), String(gap));
});

Deno.test("a model of 91 classes without names knows COCO's by their ids, one of 80 by their order, others none", () => {
  assertEquals(assumedClasses(91), cocoClasses());
  assertEquals(assumedClasses(80), cocoClasses());
  assertEquals(assumedClasses(5), null);
});

Deno.test("names of classes are read from every form that people have them in", () => {
  const expected = [{ id: 1, name: "cat" }, { id: 3, name: "small dog" }];
  const forms = [
    '{"images": [], "annotations": [], "categories": [{"id": 1, "name": "cat"}, {"id": 3, "name": "small dog", "x": 1}]}',
    '[{"id": 1, "name": "cat"}, {"id": 3, "name": "small dog"}]',
    '{"1": "cat", "3": "small dog"}',
    "\n cat\r\n\nsmall dog\n\n",
    "\ufeff\ncat\n\nsmall dog",
  ];
  for (const text of forms) assertEquals(parseClassList(text, "f"), expected, text);
  assertEquals(parseClassList('["cat", "dog"]', "f"), [{ id: 0, name: "cat" }, { id: 1, name: "dog" }]);
});

Deno.test("a file that names no classes is told with what was expected and found", () => {
  const attempt = (text: string, word: string) => {
    const { message, kind } = assertThrows(() => parseClassList(text, "names.txt"), DinogradError);
    assertEquals(kind, "data");
    assert(message.startsWith("names.txt: expected ") && message.includes(word), message);
  };
  attempt("", "found none");
  attempt('{"categories": []}', "found none");
  attempt('["cat"', "begins like JSON");
  attempt("[1]", "entry 0");
  attempt('{"cat": "1"}', '"cat"');
  attempt('[{"id": 1, "name": "a"}, {"id": 1, "name": "b"}]', "class 1 again");
  attempt('[{"id": -1, "name": "a"}]', "at least 0");
});
