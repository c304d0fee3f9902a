import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import stringWidth from "string-width";
import { BarProgress } from "../../../commands/shared/progress.ts";
import { cutToWidth, formatTable, layOutTable } from "../../../commands/shared/table.ts";
import { RandomStream } from "../../../engine/random.ts";

Deno.test("a table that fits is as it was, and a wider one wraps its text within the width", () => {
  const headings = ["tensor", "differing", "of", "largest difference", "relative"];
  const rows = [["model/transformer.decoder.layers.0.self_attn.in_proj_weight", 12, 3072, "0.000123", "0.5"]];
  assertEquals(layOutTable(headings, rows, { width: 200 }), layOutTable(headings, rows));
  const { head, rule, body } = layOutTable(headings, rows, { width: 60 });
  assertEquals([...head, ...rule, ...body], [
    "tensor                 differing    of     largest  relative",
    "                                        difference",
    "---------------------  ---------  ----  ----------  --------",
    "model/transformer.dec         12  3072    0.000123       0.5",
    "oder.layers.0.self_at",
    "tn.in_proj_weight",
  ]);
});

Deno.test("where columns cannot be narrow enough, each row becomes a list of its cells", () => {
  const headings = ["class", "AP", "AP50", "AP75", "AR", "objects", "detections"];
  const rows = [["motorcycle with sidecar", "0.1234", "0.2000", "none", "0.5", 12, 300], [
    "dog",
    "0",
    "0",
    "0",
    "0",
    1,
    2,
  ]];
  const { head, rule, body } = layOutTable(headings, rows, { width: 40 });
  assertEquals([...head, ...rule], []);
  assertEquals(body.slice(0, 3), ["class       motorcycle with sidecar", "AP          0.1234", "AP50        0.2000"]);
  assertEquals(body[7], "");
});

Deno.test("no line of any table is wider than it may be", () => {
  const random = RandomStream.named(1, "tables");
  const cell = () =>
    [
      12345,
      "0.1234",
      "none",
      "word",
      "some words of text in a row",
      "a/path/without/any/space/in/it.png",
      "猫と犬の写真",
      "👩‍👩‍👧 family",
    ][
      random.int(8)
    ];
  for (let round = 0; round < 300; round++) {
    const columns = 1 + random.int(8);
    const headings = Array.from(
      { length: columns },
      () => ["", "AP", "largest difference", "left top right bottom"][random.int(4)],
    );
    const rows = Array.from({ length: random.int(5) }, () => headings.map(cell));
    const width = 30 + random.int(60);
    const { head, rule, body } = layOutTable(headings, rows, { width });
    for (const line of [...head, ...rule, ...body]) {
      assert(stringWidth(line) <= width, `${stringWidth(line)} columns of ${width}: ${line}`);
    }
    const letters = (text: string) => [...text.replaceAll(/\s/g, "")].sort().join("");
    if (rows.length > 0 && head.length > 0) {
      assertEquals(letters(body.join("")), letters(rows.flat().join("")), "nothing is lost");
    }
  }
});

Deno.test("a column of scores stays one of numbers where some have none", () => {
  assertEquals(formatTable(["", "value"], [["AP", "0.1234"], ["APlarge", "none"]])[3], "APlarge    none");
});

Deno.test("a text is cut to a width with an ellipsis, wide letters counted as they are shown", () => {
  assertEquals(cutToWidth("short", 10), "short");
  assertEquals(cutToWidth("a long text", 7), "a long…");
  assertEquals(stringWidth(cutToWidth("猫と犬の写真", 7)), 7);
});

Deno.test("a bar takes one line of any terminal, and details give way before counts and time", () => {
  const bar = new BarProgress("evaluate the average of epoch 12", 100, {
    columns: () => 80,

    onFinish() {},
  });
  bar.update(50, { text: "12 in /a/very/long/path/of/an/image/in/a/folder/deep/down.jpg" });
  for (const width of [200, 100, 79, 59, 39, 20]) {
    const line = bar.line(width);
    assert(stringWidth(line) <= width, line);
    if (width >= 59) assertStringIncludes(line, "50/100");
    if (width >= 59) assertStringIncludes(line, " left");
  }
  assertStringIncludes(bar.line(79), "…");
  bar.update(60, { runSecondsLeft: 3723 });
  assertMatch(bar.line(100), / left, run 1:02:03$/);
  bar.finish();
});
