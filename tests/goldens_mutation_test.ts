/**
 * The runner of the goldens is not fooled: whatever number of a golden is wrong, its case fails. Tried for every kind of
 * number, that is, for every place in a file's layout. Files that take minutes are compared by the same functions.
 */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { ReferenceDevice } from "../engine/device/reference.ts";
import { type GoldenResult, runGoldens } from "./helpers/goldens.ts";
import { inFolder } from "./helpers/in_folder.ts";
import { onCpu } from "./helpers/on_cpu.ts";

const folder = Deno.env.get("DINOGRAD_GOLDENS") || fromFileUrl(new URL("goldens", import.meta.url));

type Json = null | boolean | number | string | Json[] | JsonRecord;
interface JsonRecord {
  [name: string]: Json;
}
type Path = readonly (string | number)[];

/** The files, each with those that it is run with. */
const FILES: Readonly<Record<string, readonly string[]>> = {
  ...{ modules: [], msda: [], cdn: [], criterion: [], postprocess: [], lr: [], data: [], formula_check: [] },
  coco_expected: ["coco_gt", "coco_dt"],
};

/** Fields whose own fields are names without a meaning for the layout: what holds for one holds for all. */
const MAPS = /^(expected|inputs|grads|losses|indices|schedules|state_dict_examples|per_category_ap|weight_dict|args)$/;

/** Numbers that no result depends on, as the end of `FILE.KIND`; everything else must matter. */
const INFORMATIVE = [
  // How large tolerances are; how sure an order is; where another convention would do as well.
  ...["noise_abs", "noise_rel", "noise_rms", "score_min_gap", "ambiguous_queries.*"],
  // What shapes say too; where the order of a list says it.
  ...["hidden_dim", "num_classes", "dec_layers", "order"],
  // The criterion gets the denoising queries' predictions apart from the others.
  "criterion.cases.*.pad_size",
];

/** Numbers of one kind that are tried before it counts as unnoticed: a threshold may have no say in one case. */
const TRIES = 6;

/** Wrong values for a number; either may be without effect where the number is a limit, or is tiny. */
const wrongValues = (right: number): number[] =>
  Number.isInteger(right) ? [right + 1, Math.floor(right / 2)] : [right * 1.25, right * 100];

/** All numbers below a value. */
function* numbers(value: Json, path: Path = []): Generator<Path> {
  if (typeof value === "number") yield path;
  if (typeof value !== "object" || value === null) return;
  const entries = Array.isArray(value) ? value.map((each, i) => [i, each] as const) : Object.entries(value);
  for (const [name, each] of entries) yield* numbers(each, [...path, name]);
}

/** Numbers by kind: positions in lists and names in maps make no difference. */
function kindsOf(golden: Json, file: string): Map<string, Path[]> {
  const kinds = new Map<string, Path[]>();
  for (const path of numbers(golden)) {
    const free = (i: number) => i === 0 ? file === "modules" : MAPS.test(String(path[i - 1]));
    const kind = path.map((step, i) => typeof step === "number" || free(i) ? "*" : step).join(".");
    kinds.set(kind, [...kinds.get(kind) ?? [], path]);
  }
  return kinds;
}

/** The golden with one number changed, and without the cases that this is not about. */
function changed(golden: Json, [step, ...rest]: Path, call: { readonly to: number; readonly isList?: boolean }): Json {
  const { to, isList = false } = call;
  if (step === undefined) return to;
  if (Array.isArray(golden)) {
    const after = changed(golden[Number(step)], rest, { to });
    return isList ? [after] : golden.map((each, i) => i === step ? after : each);
  }
  if (typeof golden !== "object" || golden === null) {
    throw new Error(`expected ${step} in an object but found ${golden}`);
  }
  return { ...golden, [step]: changed(golden[step], rest, { to, isList: step === "cases" || step === "resize" }) };
}

/** Of `modules.json` only the one that a path is about. */
const moduleAlone = (golden: Json, [name]: Path): Json => ({ [name]: (golden as JsonRecord)[name] }); // an object of modules

const valueAt = (golden: Json, path: Path): number =>
  Number(path.reduce<unknown>((inside, step) => (inside as JsonRecord)[step], golden)); // a path of this golden's own

/** At most `count` of a list, evenly spread. */
const spread = <T>(list: readonly T[], count: number): T[] =>
  list.filter((_, i) => i % Math.ceil(list.length / count) === 0);

for (const [file, parts] of Object.entries(FILES)) {
  Deno.test(`a wrong number anywhere in ${file}.json is noticed`, () =>
    inFolder((other) =>
      onCpu(async (device) => {
        const golden: Json = JSON.parse(await Deno.readTextFile(`${folder}/${file}.json`));
        for (const part of parts) await Deno.copyFile(`${folder}/${part}.json`, `${other}/${part}.json`);
        const passes = async (content: Json) => {
          await Deno.writeTextFile(`${other}/${file}.json`, JSON.stringify(content));
          return (await runGoldens(other, device)).every(({ worst }) => worst <= 1);
        };
        assertEquals(await passes(golden), true, "the right numbers pass");
        const notices = async (path: Path): Promise<boolean> => {
          for (const to of wrongValues(valueAt(golden, path))) {
            const wrong = changed(golden, path, { to, isList: Array.isArray(golden) });
            if (!await passes(file === "modules" ? moduleAlone(wrong, path) : wrong)) return true;
          }
          return false;
        };
        const unnoticed: string[] = [];
        for (const [kind, paths] of kindsOf(golden, file)) {
          if (INFORMATIVE.some((end) => `${file}.${kind}`.endsWith(`.${end}`) || `${file}.${kind}` === end)) continue;
          let noticed = false;
          for (const path of spread(paths, TRIES)) noticed ||= await notices(path);
          if (!noticed) unnoticed.push(kind);
        }
        assertEquals(unnoticed, []);
      })
    ));
}

/** The results of a folder of these files. */
async function resultsOf(files: Readonly<Record<string, Json>>): Promise<GoldenResult[]> {
  return await inFolder(async (other) => {
    for (const [name, content] of Object.entries(files)) {
      await Deno.writeTextFile(`${other}/${name}`, JSON.stringify(content));
    }
    return await runGoldens(other, new ReferenceDevice());
  });
}

Deno.test("what no runner knows has failed: files, modules, tensors, checkpoints without a manifest, files without cases", async () => {
  const read = async (name: string): Promise<Json> => JSON.parse(await Deno.readTextFile(`${folder}/${name}.json`));
  const [modules, cdn] = [await read("modules"), await read("cdn")];
  const layer = (modules as JsonRecord).LayerNorm as JsonRecord; // as the goldens' README has it
  const extra = { ...layer, expected: { ...layer.expected as JsonRecord, grad_other: { shape: [1], data: [0] } } };
  const reasons: readonly (readonly [Readonly<Record<string, Json>>, string])[] = [
    [{ "sound.json": {} }, "no runner for this file"],
    [{ "image.png": "" }, "no runner for this file"],
    [{ "ckpt_lone.pth": "" }, "no runner for this file"],
    [{ "coco_gt.json": {} }, "no runner for this file"],
    [{ "modules.json": { LSTM: layer } }, "no runner for this module"],
    [{ "modules.json": { LayerNorm: extra } }, "expected.grad_other was not compared"],
    [{ "cdn.json": { ...cdn as JsonRecord, cases: [] } }, "the file holds no case"],
    [{ "lr.json": { schedules: {} } }, "no case"],
  ];
  for (const [files, reason] of reasons) {
    const results = await resultsOf(files);
    assertEquals(results.map(({ worst }) => worst), [Infinity], reason);
    assertStringIncludes(results[0].where, reason);
  }
});

Deno.test("the command fails where there is no folder or nothing in it", () =>
  inFolder(async (empty) => {
    for (const [env, said] of [[empty, "no goldens in"], [`${empty}/none`, "No such file"]]) {
      const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
        args: ["run", "-A", "--no-check", fromFileUrl(new URL("goldens.ts", import.meta.url)), "--device", "reference"],
        env: { DINOGRAD_GOLDENS: env, NO_COLOR: "1" },
      }).output();
      assertEquals(code, 1);
      assertStringIncludes(new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr), said);
    }
  }));
