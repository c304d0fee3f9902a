import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  PickleObject,
  PickleOpaque,
  PickleTuple,
  type PickleValue,
  stateDictOf,
  toStateValue,
} from "../../../checkpoint/mod.ts";
import { readPickle } from "../../../checkpoint/pytorch/pickle.ts";
import { DinogradError } from "../../../engine/errors.ts";
import { int, name, pickle, pickled, text } from "../../helpers/python_files.ts";

function read(bytes: Uint8Array): PickleValue {
  return readPickle(bytes, { place: "test" }).value;
}

Deno.test("values of every protocol are read", () => {
  const list: [string, Uint8Array, unknown][] = [
    ["int 0", pickle("I42\n."), 42],
    ["bool 0", pickle("I01\n."), true],
    ["long 0", pickle("L-123456789012345678901234567890L\n."), -123456789012345678901234567890n],
    ["long that fits", pickle("L7L\n."), 7],
    ["float 0", pickle("F-1.5\n."), -1.5],
    ["string 0", pickle("S'text'\n."), "text"],
    ["unicode 0", pickle("Vna\\u00efve\n."), "naïve"],
    ["infinity", pickle("F-inf\n."), -Infinity],
    ["long text", pickle("\x80\x02T\x50\x00\x00\x00", "é\x80\x9f\xff".repeat(20), "."), "é\x80\x9f\xff".repeat(20)],
    ["string in double quotes", pickle(`S"it's"\n.`), "it's"],
    ["minus zero", pickled("G", 0x80, 0, 0, 0, 0, 0, 0, 0), -0],
    ["nan", pickle("Fnan\n."), NaN],
    ["negative int", pickled(int(-2)), -2],
    ["long1 of no bytes", pickled("\x8a\x00"), 0],
    ["long1", pickled("\x8a\x03", 0xff, 0xff, 0xff), -1],
    ["long1 of words and bytes", pickled("\x8a\x0b", 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0x81), -0x7ef5f6f7f8f9fafbfcfdffn],
    ["long4", pickled("\x8b\x08\x00\x00\x00", 0, 0, 0, 0, 0, 0, 0, 1), 1n << 56n],
    ["empty list", pickled("]"), []],
    ["list by mark", pickle("(I1\nI2\nl."), [1, 2]],
    ["append", pickled("]", int(1), "a"), [1]],
    ["nested", pickled("](]", "](", int(1), "ee"), [[], [1]]],
    ["short unicode and frame", pickle("\x80\x04\x95", 5, 0, 0, 0, 0, 0, 0, 0, "\x8c\x03", "abc", "\x94."), "abc"],
    ["bytes", pickle("\x80\x03C\x02", 1, 2, "."), Uint8Array.of(1, 2)],
    ["bytearray", pickle("\x80\x05\x96", 2, 0, 0, 0, 0, 0, 0, 0, 1, 2, "."), Uint8Array.of(1, 2)],
    ["none", pickled("N"), null],
    ["memo", pickled(int(3), "q\x05", "0h\x05"), 3],
    [
      "memo with gaps",
      pickled(int(3), "q\x01", int(4), "\x94", int(5), "q\x00", "00h\x01h\x00\x86"),
      new PickleTuple([4, 5]),
    ],
    ["duplicate", pickled("(", int(1), "2l"), [1, 1]],
  ];
  for (const [what, bytes, value] of list) assertEquals(read(bytes), value, what);
});

Deno.test("tuples, dicts with keys of any kind, OrderedDict and Counter are inert data", () => {
  assertEquals(read(pickled("(", int(1), int(2), "t")), new PickleTuple([1, 2]));
  assertEquals(read(pickled(int(1), int(2), "\x86")), new PickleTuple([1, 2]));
  assertEquals(
    read(pickled("}(", int(0), text("a"), text("0"), text("b"), "u")),
    new Map<PickleValue, PickleValue>([[0, "a"], ["0", "b"]]),
  );
  const ordered = pickled(name("collections", "OrderedDict"), ")R(", text("z"), int(1), text("a"), int(2), "u");
  assertEquals([...(read(ordered) as Map<string, number>)], [["z", 1], ["a", 2]]);
  const old = pickled(name("collections", "OrderedDict"), "(](](", text("k"), int(1), "eetR");
  assertEquals(read(old), new Map([["k", 1]]));
  assertEquals(read(pickled(name("collections", "Counter"), "}", int(5), int(1), "s\x85R")), new Map([[5, 1]]));
});

Deno.test("a Namespace becomes its attributes, also one named __proto__", () => {
  const value = read(
    pickled(name("argparse", "Namespace"), ")\x81}(", text("lr"), int(3), text("__proto__"), int(4), "ub"),
  );
  assert(value instanceof PickleObject);
  assertEquals(toStateValue(value), JSON.parse('{"lr": 3, "__proto__": 4}'));
});

/** A name as protocol 2 and as protocol 4 write it. */
const both = (module: string, attribute: string, ...rest: (string | number | Uint8Array)[]) => [
  pickled(name(module, attribute), ...rest),
  pickle("\x80\x04\x8c", module.length, module, "\x8c", attribute.length, attribute, "\x93", ...rest, "."),
];

Deno.test("names that only an attack asks for are refused by their name, whatever is done with them", () => {
  const evil = [
    ["os", "system"],
    ["posix", "system"],
    ["nt", "system"],
    ["builtins", "eval"],
    ["__builtin__", "exec"],
    ["builtins", "getattr.__class__"],
    ["builtins", "__import__"],
    ["subprocess", "Popen"],
    ["multiprocessing.util", "spawnv_passfds"],
    ["importlib", "import_module"],
    ["operator", "attrgetter"],
    ["urllib.request", "urlopen"],
    ["torch", "load"],
    ["torch.storage", "_load_from_bytes"],
    ["torch._utils", "_import_dotted_name"],
    ["torch", "hub.load"],
    ["numpy.testing._private.utils", "runstring"],
    ["", ""],
    ["toString", ""],
    ["a b", "c"],
  ];
  for (const [module, attribute] of evil) {
    for (const bytes of both(module, attribute)) {
      const error = assertThrows(() => read(bytes), DinogradError);
      assert(error.message.endsWith(", which is refused"), error.message);
      assert(error.message.includes(`${module}.${attribute}`), error.message);
    }
  }
  assertThrows(() => read(pickled(name("a", "b".repeat(600)))), DinogradError, "which is refused");
});

Deno.test("of objects with any other name the name alone is kept, whatever their makers asked for", () => {
  const buffers = ["mmengine.logging.history_buffer", "HistoryBuffer"];
  const array = pickle(
    name("numpy.core.multiarray", "_reconstruct"),
    name("numpy", "ndarray"),
    pickle("K\x00\x85", "U\x01b\x87R"),
    pickle(
      "(K\x01K\x02\x85",
      name("numpy", "dtype"),
      "U\x02f8\x89\x88\x87R(K\x03U\x01<NNNJ",
      255,
      255,
      255,
      255,
      "K\x00tb",
    ),
    pickle("\x89U\x02abtb"),
  );
  const cases: [string, Uint8Array, string][] = [
    ["a class", pickled(name("a", "B")), "a.B"],
    [
      "an object with a state",
      pickled(name(buffers[0], buffers[1]), ")\x81}", text("x"), int(1), "sb"),
      buffers.join("."),
    ],
    ["a call with arguments", pickled(name("functools", "partial"), name("a", "b"), "\x85R"), "functools.partial"],
    ["keyword arguments", pickled(name("a", "B"), ")}\x92"), "a.B"],
    ["an array of numpy", pickled(array), "numpy.core.multiarray._reconstruct"],
    ["a list of one's own", pickled(name("a", "List"), ")\x81(", int(1), int(2), "e", int(3), "a"), "a.List"],
    ["a dict of one's own", pickled(name("a", "Dict"), ")\x81(", int(1), int(2), "u", int(3), int(4), "s"), "a.Dict"],
    ["made by the class", pickled(name("copy_reg", "_reconstructor"), name("a", "B"), "\x85R"), "a.B"],
    ["a set", pickled(name("builtins", "set"), "](", int(1), "e\x85R"), "builtins.set"],
    ["what other languages know", pickled(name("__proto__", "constructor")), "__proto__.constructor"],
  ];
  for (const [what, bytes, maker] of cases) {
    const value = read(bytes);
    if (!(value instanceof PickleOpaque)) throw new Error(`${what}: expected an object that is not read`);
    assertEquals(value.maker, maker, what);
    assertEquals(toStateValue(value), `(${maker})`, what);
    assertEquals(Object.keys(value), ["maker"], what);
  }
  // Known calls of unknown things are refused as before, and so are weights that are none.
  assertThrows(
    () => read(pickled(name("builtins", "getattr"), name("a", "B"), text("c"), "\x86R")),
    DinogradError,
    "refused",
  );
  const entry = read(pickled("}", text("w"), name("a", "B"), ")\x81s"));
  assertThrows(
    () => stateDictOf(entry, "file.pth"),
    DinogradError,
    'a tensor as "w" but found an object of a.B, which is',
  );
  assertThrows(
    () => stateDictOf(read(pickled(name("a", "Model"), ")\x81")), "file.pth"),
    DinogradError,
    "an object of a.Model",
  );
});

Deno.test("objects without end cost as much as values without end", () => {
  const made = pickle(name("a", "B"), "q\x00");
  const many = repeated("h\x00)\x81", 3_000_000);
  assertThrows(() => read(pickled(made, "(", many, "l")), DinogradError, "expected values of at most");
});

Deno.test("getattr is understood for OneCycleLR's annealing functions alone", () => {
  const call = (owner: Uint8Array, attribute: string) =>
    pickled(name("builtins", "getattr"), owner, text(attribute), "\x86R");
  const scheduler = name("torch.optim.lr_scheduler", "OneCycleLR");
  assertEquals(
    toStateValue(read(call(scheduler, "_annealing_cos"))),
    "torch.optim.lr_scheduler.OneCycleLR._annealing_cos",
  );
  for (
    const [owner, attribute] of [[scheduler, "__init__"], [scheduler, "__class__"], [text("x"), "upper"], [
      name("argparse", "Namespace"),
      "_annealing_cos",
    ]] as const
  ) {
    assertThrows(() => read(call(owner, attribute)), DinogradError, "refused");
  }
});

Deno.test("calls of what may not be called are refused", () => {
  const cases: [Uint8Array, string][] = [
    [pickled(text("x"), ")R"), "a call of a value"],
    [pickled(name("torch", "float32"), ")R"), "torch.float32"],
    [pickled(name("torch", "FloatStorage"), ")R"), "torch.FloatStorage"],
    [pickled(name("argparse", "Namespace"), int(1), "\x85R"), "without arguments"],
    [pickled(name("argparse", "Namespace"), ")}\x92"), "argparse.Namespace, which is refused"],
    [pickled("(", name("argparse", "Namespace"), "o"), "argparse.Namespace, which is refused"],
    [pickled("(ios\nsystem\n"), "os.system"],
    [pickled("]", "}b"), "a call of a value"],
    [pickled(name("argparse", "Namespace"), ")R", "}(", int(1), int(2), "ub"), "string keys"],
    [pickled(name("torch._utils", "_rebuild_tensor_v2"), ")R"), "a tensor's storage"],
    [pickled(text("id"), "Q"), "no persistent id"],
  ];
  for (const [bytes, message] of cases) assertThrows(() => read(bytes), DinogradError, message);
});

Deno.test("broken pickles are errors that name the byte", () => {
  const cases: [Uint8Array, string][] = [
    [pickle("\x80\x02"), "expected more bytes"],
    [pickle("\x80\x09."), "protocol 0 to 5"],
    [pickle("."), "a value on the stack"],
    [pickle("(."), "a value on the stack"],
    [pickle("t."), "a mark on the stack"],
    [pickle("\xff."), "a known opcode but found 0xff"],
    [pickle("h\x00."), "a remembered value"],
    [pickle("X", 0xff, 0xff, 0xff, 0xff, "."), "expected more bytes"],
    [pickle("\x8d", 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, "."), "a length below 2^53"],
    [pickle("\x8b", 0xff, 0xff, 0xff, 0x7f, "."), "1024 bytes"],
    [pickle("X\x02\x00\x00\x00", 0xff, 0xfe, "."), "UTF-8"],
    [pickle("I1e5\n."), "an integer"],
    [pickle("Fone\n."), "a float"],
    [pickle("Fconstructor\n."), "a float"],
    [pickle("FtoString\n."), "a float"],
    [pickle("F__proto__\n."), "a float"],
    [pickle("F\n."), "a float"],
    [pickle("S'it's'\n."), "a plain quoted string"],
    [pickle("S'\n."), "a plain quoted string"],
    [pickle("S'a\\'\n."), "a plain quoted string"],
    [pickled("Np-1\n"), "a natural number to remember"],
    [pickled("Ng-1\n"), "a remembered value"],
    [pickled("}]Ns"), "can hash but found a list"],
    [pickled("(}Nd"), "can hash but found a dict"],
    [pickled(name("collections", "OrderedDict"), "](](}Nel", "a\x85R"), "the entries of a dict"],
    [pickle("I1"), "expected more bytes"],
    [pickled("}(", int(1), "u"), "in pairs"],
    [pickled(int(1), int(2), "a"), "a list to append to"],
    [pickled("]", int(1), int(2), "s"), "a dict to set items of"],
  ];
  for (const [bytes, message] of cases) assertThrows(() => read(bytes), DinogradError, message);
});

Deno.test("a list that contains itself and one that shares itself a billion times are refused when unfolded", () => {
  const itself = read(pickled("]q\x00h\x00a"));
  assertThrows(() => toStateValue(itself), DinogradError, "levels but found more");
  const doubled = ["]", "q\x00"];
  for (let level = 0; level < 40; level++) {
    doubled.push(
      "0]q",
      String.fromCharCode(level + 1),
      "(h",
      String.fromCharCode(level),
      "h",
      String.fromCharCode(level),
      "e",
    );
  }
  assertThrows(() => toStateValue(read(pickled(...doubled))), DinogradError, "but found more");
});

/** `count` times the same opcodes. */
function repeated(opcodes: string, count: number): Uint8Array {
  const bytes = new Uint8Array(opcodes.length * count);
  bytes.set(pickle(opcodes));
  for (let length = opcodes.length; length < bytes.length; length *= 2) bytes.copyWithin(length, 0, length);
  return bytes;
}

/** A pickle of 40 tuples, each of which holds the one before twice. */
const doubled = () => pickle(")", repeated("2\x86", 40));

Deno.test("a tuple that is doubled 40 times is told in a few words as a key, in 80 bytes", () => {
  const dict = read(pickled("}", doubled(), "Ns"));
  const unfolded = toStateValue(dict);
  assertEquals(Object.keys(unfolded as object), [
    '({"items": [{…}, {…}]}, {"items": [{…}, {…}]})',
  ]);
  const { message } = assertThrows(() => stateDictOf(dict, "here"), DinogradError, "here: expected string keys");
  assert(message.length < 300, message);
});

Deno.test("what is nested 200,000 deep or shared without end is read, and refused when it is unfolded", () => {
  for (const opcodes of ["\x85", "]2a", "](e", "N\x86"]) {
    const value = read(pickled("]", repeated(opcodes, 200_000)));
    if (opcodes.includes("\x85")) assertThrows(() => toStateValue(value), DinogradError, "at most 60 levels");
    assertThrows(() => stateDictOf(value, "here"), DinogradError, "a dict of tensors");
  }
  assertThrows(() => toStateValue(read(pickled(doubled()))), DinogradError, "at most 1000000 values");
  const key = text("k".repeat(1 << 20));
  assertThrows(
    () => toStateValue(read(pickled("](", key, "q\x00", repeated("h\x00", 100), "e"))),
    DinogradError,
    "characters",
  );
});

Deno.test("two keys of a dict that are one as text are refused when it is unfolded", () => {
  assertThrows(
    () => toStateValue(read(pickled("}(", int(1), "N", text("1"), "Nu"))),
    DinogradError,
    'two that read "1"',
  );
});

Deno.test("memory is bounded by the length of a pickle, whatever its opcodes are", () => {
  const dict = pickle("}(", ...Array.from({ length: 20_000 }, (_, key) => pickle(int(key), "N")), "uq\x00");
  const attributes = pickle("}(", ...Array.from({ length: 20_000 }, (_, key) => pickle(text(`${key}`), "N")), "uq\x00");
  const cases: Readonly<Record<string, Uint8Array>> = {
    "memo of 17 million": pickled("N", repeated("\x94", 17_000_000)),
    "dicts": pickled(repeated("}", 150_000)),
    "dicts that are dropped": pickled(repeated("}0", 300_000)),
    "lists": pickled("]", repeated("]a", 200_000)),
    "tuples": pickled("N", repeated("\x85", 600_000)),
    "marks": pickled(repeated("(", 12_000_000)),
    "objects": pickled(name("argparse", "Namespace"), repeated("2)R0", 300_000)),
    "copies of a dict": pickled(dict, repeated("ccollections\nCounter\nh\x00\x85R0", 1000)),
    "the same attributes": pickled(attributes, name("argparse", "Namespace"), ")R", repeated("h\x00b", 1000)),
  };
  for (const [what, bytes] of Object.entries(cases)) {
    assertThrows(() => read(bytes), DinogradError, "expected values of at most", what);
  }
});

Deno.test("texts and numbers of megabytes are read or refused at once", () => {
  const start = performance.now();
  const long = repeated("9", 20_000_000);
  assertEquals((read(pickle("T\x00\x2d\x31\x01", long, ".")) as string).length, 20_000_000);
  assertEquals((read(pickle("S'", long, "'\n.")) as string).length, 20_000_000);
  for (const [opcode, expected] of [["I", "an integer"], ["L", "an integer"], ["F", "a float"], ["p", "an integer"]]) {
    const { message } = assertThrows(() => read(pickle(opcode, long, "\n.")), DinogradError, expected);
    assert(message.length < 300, message);
  }
  assertThrows(() => read(pickle("c", long, "\nx\n.")), DinogradError, "only names of plain data");
  assertThrows(() => read(pickle("N", repeated("I" + "9".repeat(999) + "\n0", 1000), "e.")), DinogradError, "a mark");
  assert(performance.now() - start < 20_000);
});
