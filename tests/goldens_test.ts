import { assert, assertEquals } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { deviceTest } from "./helpers/devices.ts";
import { formula, type Spec } from "./helpers/formula.ts";
import { runGoldens } from "./helpers/goldens.ts";

const folder = Deno.env.get("DINOGRAD_GOLDENS") ?? fromFileUrl(new URL("goldens", import.meta.url));

Deno.test("the formula gives the documented values of every kind", async () => {
  const text = await Deno.readTextFile(`${folder}/formula_check.json`);
  const rows: { spec: Spec; values: number[]; sum: number }[] = JSON.parse(text);
  assert(rows.length > 0, "expected rows in formula_check.json");
  for (const { spec, values, sum } of rows) {
    const made = formula(spec);
    assertEquals(Array.from(made.subarray(0, values.length)), values, spec.name);
    let total = 0;
    for (const value of made) total += value;
    assertEquals(total, sum, `the sum of ${spec.name}`);
  }
});

/** The official-size models take minutes: `deno task goldens` runs them. */
const QUICK = ["modules", "msda", "cdn", "criterion", "postprocess", "full_tiny", "full_opts", "train_tiny"];

for (const only of QUICK) {
  deviceTest(`the numbers of ${only} are the official model's on the CPU`, async ({ cpu: [, device] }) => {
    const results = await runGoldens(folder, device, { only });
    assert(results.length > 0, `expected cases in ${only}`);
    const failed = results.filter(({ worst }) => !(worst <= 1));
    assertEquals(failed.map(({ file, name, where, worst }) => `${file} ${name}: ${where} ${worst}`), []);
  });
}
