import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { gatherKernels } from "../../commands/kernel/catalogue.ts";
import { readingOf } from "../../commands/kernel/reading.ts";
import { wasmText } from "../../engine/kernel/wasm/text.ts";
import { input, kept, reduced, scalar } from "../../engine/kernel/language/expr.ts";
import { errorLine, runCli } from "../helpers/run_cli.ts";
import { tinyConfig } from "../helpers/tiny_model.ts";

Deno.test("every kernel of a model prints as WGSL, and as WebAssembly wherever the CPU runs one", async () => {
  const entries = await gatherKernels(tinyConfig());
  for (const name of ["softmax", "deformable_attention_x1_4", "matmul", "conv2d", "adamw", "top k: take", "gather_4"]) {
    assert(entries.some((entry) => entry.name === name), `expected ${name} in the catalogue`);
  }
  for (const { name, wgsl, wasm } of entries) {
    assertStringIncludes(wgsl(), "@compute @workgroup_size", name);
    if (typeof wasm !== "string") assertStringIncludes(wasmText(wasm()), "(func $", name);
  }
  assertEquals(entries.filter(({ wasm }) => typeof wasm === "string").map(({ name }) => name), [
    "conv2d gradient of the input",
    ...["merge runs", "sort runs", "take"].map((name) => `top k: ${name}`),
  ]);
});

Deno.test("the reading of a recipe names operands, says what is kept, and has brackets where they matter", () => {
  const [x, y] = [input(0), input(1)];
  const difference = x.sub(y.sub(scalar(0)));
  assertEquals(
    readingOf({
      kind: "row",
      name: "example",
      rank: 1,
      inputs: [1, 0],
      scalars: 1,
      names: { buffers: ["x", "mean", "y"], scalars: ["shift"] },
      reductions: [{ name: "sum0", op: "sum", value: difference.square(), keep: 0 }],
      outputs: [
        { per: "element", value: kept().div(reduced("sum0").mul(2)) },
        { per: "element", value: x.add(1).mul(y), into: 0 },
      ],
    }),
    [
      "t1 = x - (mean - shift)",
      "sum0 = sum over the row of t1 * t1, each kept in y",
      "y = y / (sum0 * 2)",
      "x = (x + 1) * mean, written over the input",
    ],
  );
});

Deno.test("kernel lists, prints the shader, the WebAssembly and a run on numbers, and corrects a name", async () => {
  const list = await runCli(["kernel"]);
  assertEquals([list.code, list.stderr], [0, ""]);
  assert(/^softmax +rows +1$/m.test(list.stdout), list.stdout);
  const shader = await runCli(["kernel", "softmax"]);
  const text = await runCli(["kernel", "gather_4", "--wasm"]);
  const numbers = await runCli(["kernel", "clip_coefficient", "--numbers"]);
  const wrong = await runCli(["kernel", "sofmax", "--wasm"]);
  const none = await runCli(["kernel", "--numbers"]);
  const both = await runCli(["kernel", "softmax", "--wasm", "--numbers"]);
  assertStringIncludes(shader.stdout, "y = y / sum1");
  assertStringIncludes(shader.stdout, "@compute @workgroup_size");
  assertStringIncludes(text.stdout, "(local.set $indices (i32.load offset=4 (i32.const 64)))");
  assertStringIncludes(numbers.stdout, "1 rows, 1 columns, maxNorm 0.1");
  assert(/^norm +1 +read +0.1\ncoefficient +1 +written +1$/m.test(numbers.stdout), numbers.stdout);
  assertEquals([wrong.code, none.code, both.code], [2, 2, 2]);
  assertStringIncludes(errorLine(wrong), "expected a kernel of cards but found sofmax; did you mean softmax?");
  assertStringIncludes(errorLine(none), "kernel: expected a name with --numbers");
  assertStringIncludes(errorLine(both), "expected one of --wasm and --numbers but found both");
});
