/**
 * Checks the golden `.pth` files against what PyTorch itself found in them. Everything that is checked comes from
 * `ckpt_manifest.json` of the folder: file names, trees, shapes, values, and which files must be refused.
 */
import {
  openPth,
  PickleObject,
  PickleTuple,
  type PickleValue,
  type PthFile,
  PthTensor,
  toNumbers,
} from "../../checkpoint/mod.ts";
import { DinogradError } from "../../engine/errors.ts";

/** One line of the runner. */
export interface GoldenLine {
  readonly golden: string;
  readonly case: string;
  readonly ok: boolean;
  readonly message: string;
}

const DTYPES: Readonly<Record<string, string>> = {
  float64: "f64",
  float32: "f32",
  float16: "f16",
  bfloat16: "bf16",
  int64: "i64",
  int32: "i32",
  int16: "i16",
  int8: "i8",
  uint8: "u8",
  bool: "bool",
};

/** The manifest gives ten significant digits. */
const DIGITS = 1e-9;
/** A sum in another order differs by less than this times the sum of magnitudes. */
const SUM_ORDER = 1e-12;

/** What the manifest says of a tensor; special numbers are text. */
interface ExpectedTensor {
  readonly dtype: string;
  readonly shape: number[];
  readonly stride: number[];
  readonly storage_offset: number;
  readonly requires_grad: boolean;
  readonly sum: number | string;
  readonly idx: number[];
  readonly val: (number | string)[];
}

/** A node of the manifest: a record with one key that names the kind. */
type ExpectedValue = { readonly [kind: string]: unknown };

interface Manifest {
  readonly files: { readonly [name: string]: { readonly content: ExpectedValue | string } };
  readonly must_refuse: { readonly [name: string]: string };
}

/** Runs all cases of `ckpt_manifest.json` in a folder. */
export async function* runCheckpointGoldens(folder: string): AsyncIterable<GoldenLine> {
  const golden = "ckpt_manifest.json";
  // The goldens are trusted: they are made together with their README, which gives this layout.
  const manifest = JSON.parse(await Deno.readTextFile(`${folder}/${golden}`)) as Manifest;
  for (const name of Object.keys(manifest.files)) {
    try {
      const content = contentOf(name, manifest);
      await using file = await openPth(`${folder}/${name}`);
      const checker = new Checker(file);
      await checker.value(file.root, { expected: content, path: "" });
      const message = checker.problems[0] ?? `${checker.tensors} tensors and ${checker.values} values equal`;
      yield { golden, case: name, ok: checker.problems.length === 0, message };
    } catch (error) {
      yield { golden, case: name, ok: false, message: String(error) };
    }
  }
  for (const [name, reason] of Object.entries(manifest.must_refuse)) {
    yield { golden, case: name, ...await refusal(`${folder}/${name}`, reason) };
  }
}

/** The tree of a file; the older format's say `same as FILE`. */
function contentOf(name: string, manifest: Manifest): ExpectedValue {
  const content = manifest.files[name]?.content;
  if (typeof content === "object") return content;
  const other = /^same as (.+)$/.exec(content ?? "")?.[1];
  if (other === undefined) throw new Error(`golden ${name}: expected a content but found ${content}`);
  return contentOf(other, manifest);
}

/** A file that must be refused is refused at opening, by our own error, before any tensor is read. */
async function refusal(path: string, reason: string): Promise<{ ok: boolean; message: string }> {
  try {
    const file = await openPth(path);
    await file.close();
    return { ok: false, message: `expected a refusal (${reason}) but it was opened` };
  } catch (error) {
    const ok = error instanceof DinogradError && error.kind === "checkpoint";
    return { ok, message: ok ? error.message.slice(path.lastIndexOf("/") + 1) : String(error) };
  }
}

class Checker {
  readonly problems: string[] = [];
  readonly #file: PthFile;
  tensors = 0;
  values = 0;

  constructor(file: PthFile) {
    this.#file = file;
  }

  async value(
    found: PickleValue | undefined,
    { expected, path }: { expected: ExpectedValue; path: string },
  ): Promise<void> {
    const [kind] = Object.keys(expected);
    const inner = expected[kind];
    this.values++;
    switch (kind) {
      case "tensor":
        if (!(found instanceof PthTensor)) return this.#problem(path, "a tensor", found);
        // Layout as in the manifest's note.
        return await this.#tensor(found, { expected: inner as ExpectedTensor, path });
      case "dict": {
        const entries = inner as [string | number, ExpectedValue][];
        if (!(found instanceof Map)) return this.#problem(path, "a dict", found);
        const keys = entries.map(([key]) => key);
        if (JSON.stringify(keys) !== JSON.stringify([...found.keys()])) {
          return this.#problem(path, `keys ${keys}`, [...found.keys()]);
        }
        for (const [key, value] of entries) {
          await this.value(found.get(key), { expected: value, path: `${path}/${key}` });
        }
        return;
      }
      case "Namespace": {
        const entries = Object.entries(inner as { [key: string]: ExpectedValue });
        if (!(found instanceof PickleObject)) return this.#problem(path, "a Namespace", found);
        const keys = entries.map(([key]) => key).join();
        if (keys !== [...found.attributes.keys()].join()) {
          return this.#problem(path, `attributes ${keys}`, [...found.attributes.keys()]);
        }
        for (const [key, value] of entries) {
          await this.value(found.attributes.get(key), { expected: value, path: `${path}.${key}` });
        }
        return;
      }
      case "list":
      case "tuple": {
        const items = found instanceof PickleTuple ? found.items : Array.isArray(found) ? found : null;
        const expectedItems = inner as ExpectedValue[];
        if (
          items === null || (kind === "tuple") !== (found instanceof PickleTuple) ||
          items.length !== expectedItems.length
        ) {
          return this.#problem(path, `a ${kind} of ${expectedItems.length}`, found);
        }
        for (let index = 0; index < items.length; index++) {
          await this.value(items[index], { expected: expectedItems[index], path: `${path}[${index}]` });
        }
        return;
      }
      case "NoneType":
      case "str":
      case "bool":
        if (found !== inner) this.#problem(path, String(inner), found);
        return;
      case "int":
      case "float": {
        const isNumber = typeof found === "number" || (kind === "int" && typeof found === "bigint");
        if (!isNumber || Number(found) !== special(inner as number | string)) this.#problem(path, String(inner), found);
        return;
      }
    }
    this.#problem(path, "a kind that the manifest's note names", kind);
  }

  async #tensor(found: PthTensor, { expected, path }: { expected: ExpectedTensor; path: string }): Promise<void> {
    this.tensors++;
    const { offset, stride, requiresGrad } = found.view;
    const layout = JSON.stringify([found.dtype, found.shape, stride, offset, requiresGrad]);
    const { shape, storage_offset, requires_grad } = expected;
    const wanted = JSON.stringify([DTYPES[expected.dtype], shape, expected.stride, storage_offset, requires_grad]);
    if (layout !== wanted) return this.#problem(path, wanted, layout);
    const values = toNumbers(await this.#file.read(found));
    expected.idx.forEach((index, at) => {
      const value = special(expected.val[at]);
      const close = Object.is(values[index], value) ||
        (value !== 0 && Math.abs(values[index] - value) <= DIGITS * Math.abs(value));
      if (!close) this.#problem(`${path}[${index}]`, String(value), values[index]);
    });
    const sum = values.reduce((total, value) => total + value, 0);
    const magnitude = values.reduce((total, value) => total + Math.abs(value), 0);
    const wantedSum = special(expected.sum);
    const close = Object.is(sum, wantedSum) || Math.abs(sum - wantedSum) <= SUM_ORDER * magnitude;
    if (!close) this.#problem(`${path} sum`, String(wantedSum), sum);
  }

  #problem(path: string, expected: string, found: unknown): void {
    this.problems.push(`${path || "/"}: expected ${expected} but found ${found}`);
  }
}

function special(value: number | string): number {
  if (typeof value === "number") return value;
  const specials: Record<string, number> = { nan: NaN, inf: Infinity, "-inf": -Infinity };
  if (!(value in specials)) throw new Error(`golden: expected a number but found ${value}`);
  return specials[value];
}
