/** Files made to hang, crash or fill every verb that reads checkpoints: each is told in one short line, soon. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { int, pickle, pickled, tensor, type TensorParts, text, zip } from "../helpers/python_files.ts";
import { inFolder } from "../helpers/in_folder.ts";
import { encodePng } from "../../detector/data/mod.ts";
import { errorLine, runProcess } from "../helpers/run_cli.ts";

const FOUR_FLOATS = new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer);

/** A PyTorch file of one dict, in which a weight is followed by the given opcodes for another key and value. */
function pth(key: Uint8Array, value: Uint8Array = pickle("N")): Uint8Array {
  const object = pickled("}(", text("a.weight"), tensor(), key, value, "u");
  return zip([["x/data.pkl", object], ["x/data/0", FOUR_FLOATS]]);
}

const repeated = (opcodes: string, count: number) => pickle(opcodes.repeat(count));
/** 40 tuples, each of which holds the one before twice: 80 bytes for 2^40 values. */
const doubled = pickle(")", repeated("2\x86", 40));
const nested = pickle("N", repeated("\x85", 200_000));

async function expectLine(args: readonly string[], expected: string, within = 30_000): Promise<void> {
  const start = performance.now();
  const result = await runProcess(args);
  const line = errorLine(result);
  assertEquals(result.code, 4, line);
  assertStringIncludes(line, expected, args.join(" "));
  assert(line.length < 600, `${line.length} characters`);
  assert(performance.now() - start < within, `${args[0]} took ${performance.now() - start} ms`);
}

Deno.test("pickles of shared and nested values are one line for every verb, as keys and as values", () =>
  inFolder(async (folder) => {
    const path = `${folder}/x.pth`;
    const verbs = (file: string): string[][] => [
      ["inspect", file],
      ["convert", file, `${folder}/y.dino`],
      ["detect", folder, "--checkpoint", file, "--device", "cpu"],
    ];
    const pixel = { width: 1, height: 1, data: new Uint8Array(3) };
    await Deno.writeFile(`${folder}/pixel.png`, encodePng(pixel)); // without images no checkpoint is opened
    await Deno.writeFile(path, pth(doubled));
    await expectLine(verbs(path)[2], "expected string keys but found");
    await Deno.writeFile(path, pth(text("b"), doubled));
    for (const args of verbs(path).slice(0, 2)) await expectLine(args, "at most 1000000 values");
    await Deno.writeFile(path, pth(text("args"), nested));
    for (const args of verbs(path)) await expectLine(args, "at most 60 levels");
    await Deno.writeFile(path, pth(text("b"), pickle("Fconstructor\n")));
    for (const args of verbs(path)) await expectLine(args, 'expected a float but found "constructor"');
  }));

Deno.test("a key of shared tuples is a few words in inspect", () =>
  inFolder(async (folder) => {
    await Deno.writeFile(`${folder}/x.pth`, pth(doubled, int(7)));
    const { code, stdout } = await runProcess(["inspect", `${folder}/x.pth`]);
    assertEquals(code, 0);
    assertStringIncludes(stdout, '({"items": [{…}, {…}]}, {"items": [{…}, {…}]})');
  }));

Deno.test("convert refuses tensors that expand to gigabytes together, and leaves no file", () =>
  inFolder(async (folder) => {
    const parts: TensorParts = { shape: [40, 2 ** 18], stride: [0, 0] };
    const object = pickled("}(", ...Array.from({ length: 240 }, (_, i) => pickle(text(`${i}`), tensor(parts))), "u");
    await Deno.writeFile(`${folder}/x.pth`, zip([["x/data.pkl", object], ["x/data/0", FOUR_FLOATS]]));
    assertEquals((await runProcess(["inspect", `${folder}/x.pth`])).code, 0);
    await expectLine(["convert", `${folder}/x.pth`, `${folder}/y.dino`], "4 times the file and 256 MiB");
    await expectLine(["inspect", `${folder}/x.pth`, "--stats"], "4 times the file and 256 MiB");
    const few = await runProcess(["inspect", `${folder}/x.pth`, "--stats", "--keys", "1,2"]);
    assertEquals(few.code, 0, few.stderr);
    assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name), ["x.pth"]);
  }));

Deno.test("an empty tensor has no bytes, and one whose other axes are too long for any memory is refused", () =>
  inFolder(async (folder) => {
    const write = (shape: number[]) => {
      const object = pickled("}(", text("a.weight"), tensor({ shape, stride: shape.map(() => 1) }), "u");
      return Deno.writeFile(`${folder}/x.pth`, zip([["x/data.pkl", object], ["x/data/0", FOUR_FLOATS]]));
    };
    await write([2 ** 31 - 1, 2 ** 31 - 1, 0]);
    await expectLine(["inspect", `${folder}/x.pth`], "expected a tensor of less than 2^53 bytes");
    await write([1000, 0, 1000]);
    for (const file of ["x.pth", "y.dino", "z.safetensors"]) {
      if (file !== "x.pth") {
        assertEquals((await runProcess(["convert", `${folder}/x.pth`, `${folder}/${file}`])).code, 0);
      }
      const { code, stdout } = await runProcess(["inspect", `${folder}/${file}`]);
      assertEquals(code, 0);
      assert(/ 0 B/.test(stdout) && !/NaN|Infinity/.test(stdout), stdout);
    }
  }));
