import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { presetTable } from "../../commands/presets.ts";
import { formatTable } from "../../commands/shared/table.ts";
import { loadConfig, preset, PRESET_NAMES } from "../../detector/config/mod.ts";
import { aboutPreset } from "../../detector/config/presets.ts";
import { inFolder } from "../helpers/in_folder.ts";
import { errorLine, runCli } from "../helpers/run_cli.ts";

Deno.test("presets are listed with what they are for, their size, the memory of a step and their settings", async () => {
  const { code, stdout, stderr } = await runCli(["presets", "--json"]);
  assertEquals([code, stderr], [0, ""]);
  const lines = JSON.parse(stdout);
  assertEquals(lines.map(({ name }: { name: string }) => name), [...PRESET_NAMES]);
  for (const { name, about, parameters, step_bytes, config } of lines) {
    assertEquals([about, config], [aboutPreset(name), preset(name)]);
    // Weights, gradients and two moments, and more for activations.
    assert(step_bytes > 16 * parameters, `${name}: ${step_bytes} of ${parameters}`);
  }
  const of = (name: string) => lines.find((line: { name: string }) => line.name === name);
  assertEquals(Math.round(of("cards").parameters / 1e4), 366);
  assertEquals(of("DINO_4scale_finetune").parameters, of("DINO_4scale").parameters);
  assert(of("DINO_4scale_finetune").step_bytes < of("DINO_4scale").step_bytes / 2);
  const [headings, rows] = presetTable(lines);
  const table = formatTable(headings, rows).join("\n");
  assertMatch(
    table,
    /\nsmall +own data, some hundred pictures, from random weights, on a CPU +3\.\d M +[\d.]+ MiB +224 x/,
  );
});

Deno.test("a preset is printed whole, as a file that is the preset but for the classes of the data", () =>
  inFolder(async (folder) => {
    for (const name of ["small", "DINO_4scale_finetune"] as const) {
      const texts = { py: await runCli(["presets", name]), json: await runCli(["presets", name, "--json"]) };
      for (const [kind, { code, stdout }] of Object.entries(texts)) {
        assertEquals(code, 0);
        await Deno.writeTextFile(`${folder}/a.${kind}`, stdout);
        const { config, given } = await loadConfig(`${folder}/a.${kind}`);
        assertEquals(config, preset(name));
        assert(!given.includes("num_classes") && !given.includes("dn_labelbook_size"));
      }
      assertStringIncludes(texts.py.stdout, "\n# num_classes = 91 (without this line: as the data needs)\n");
    }
    const unknown = await runCli(["presets", "smal"]);
    assertEquals(unknown.code, 2);
    assertEquals(
      errorLine(unknown),
      "dinograd: presets: expected the name of a preset but found smal; did you mean small?",
    );
  }));
