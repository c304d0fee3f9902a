import { assertEquals, assertThrows } from "@std/assert";
import { DinogradError } from "../../../engine/errors.ts";
import { parsePythonConfig } from "../../../detector/config/mod.ts";

/** As plain JSON, because the parser's objects have no prototype. */
function parse(text: string): unknown {
  return JSON.parse(JSON.stringify(parsePythonConfig(text, "a.py")));
}

Deno.test("assignments of every kind of literal are read", () => {
  assertEquals(
    parse(`
# a comment
num_classes=91
lr = 1e-05            # trailing comment
whole = 1_000 ; hexadecimal = 0x1F
none = None
flag = True
name = 'a' "b"        # adjacent strings join
tuple_value = (1, 2.5)
bare_tuple = 1, 2
single = (3,)
nested = dict(a=1, b=dict(c=[1, 'x']))
mapping = {'k': -1, "l": None}
long = [
    1,  # one
    2,
]
joined = 1 + \\
    2
`),
    {
      num_classes: 91,
      lr: 1e-5,
      whole: 1000,
      hexadecimal: 31,
      none: null,
      flag: true,
      name: "ab",
      tuple_value: [1, 2.5],
      bare_tuple: [1, 2],
      single: [3],
      nested: { a: 1, b: { c: [1, "x"] } },
      mapping: { k: -1, l: null },
      long: [1, 2],
      joined: 3,
    },
  );
});

Deno.test("arithmetic follows Python's precedence and rounding", () => {
  assertEquals(
    parse("a = 2 + 3 * 4\nb = -2 ** 2\nc = -7 // 2\nd = -7 % 3\ne = (1 + 2) / 4\nf = 2 ** 3 ** 2\ng = [0] * 3 + [1]"),
    { a: 14, b: -4, c: -4, d: 2, e: 0.75, f: 512, g: [0, 0, 0, 1] },
  );
});

Deno.test("a name assigned further up can be used, and the last assignment counts", () => {
  assertEquals(parse("lr = 1\nlr = 2e-4\nbackbone = head = lr * 0.5"), { lr: 2e-4, backbone: 1e-4, head: 1e-4 });
});

Deno.test("docstrings, Windows line ends and escapes are read", () => {
  assertEquals(parse('"""About\n\nthis."""\r\na = \'it\\\'s \\u00e9\\n\'\r\nb = r"\\n"\r\n'), {
    a: "it's é\n",
    b: "\\n",
  });
});

Deno.test("names with two leading underscores are left out and cannot reach a prototype", () => {
  const parsed = parsePythonConfig("__proto__ = 1\n__all__ = []\na = dict(__proto__=dict(b=1))", "a.py");
  assertEquals(Object.keys(parsed), ["a"]);
  assertEquals(Object.getPrototypeOf(parsed.a), null);
});

Deno.test("whatever would have to be run is refused with its line", () => {
  const refused: [string, string][] = [
    [
      "import os",
      "a.py, line 1: expected an assignment of a literal (config files are read, never run) but found import",
    ],
    ["a = 1\nb = open('x')", "a.py, line 2: expected a literal (only dict(…) may be called) but found open"],
    ["a = __import__('os').system('true')", "line 1: expected a literal (only dict(…) may be called)"],
    ["a = (1).real", "line 1: expected the end of the line but found ."],
    ["if True:\n  a = 1", "line 2: expected a line that starts in the first column"],
    ["a = [x for x in y]", "line 1: expected a literal or a name assigned further up but found x"],
    ["a = f'{b}'", "line 1: expected a plain string but found an f-string"],
    ["a = 1 if b else 2", "line 1: expected the end of the line but found if"],
    ["a = 'open", "line 1: expected ' at the end of the string"],
    ["a = [1", "line 1: expected , but found"],
    ["a = 1 / 0", "line 1: expected a divisor other than 0"],
    ["a =", "line 1: expected a value but found the end of the line"],
    ["a = 'x' * 'y'", "line 1: expected numbers around an operator"],
    [`a = ${"[".repeat(500)}${"]".repeat(500)}`, "at most 100 levels of nesting"],
    ["a = [0] * 99999999", "a list of at most 10000 items"],
    ["a = 12abc", "line 1: expected a number but found 12a"],
    ["a = $", "expected a literal or an assignment but found $"],
  ];
  for (const [text, message] of refused) {
    const error = assertThrows(() => parsePythonConfig(text, "a.py"), DinogradError, message);
    assertEquals(error.kind, "usage");
  }
});
