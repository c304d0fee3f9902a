/**
 * The mean of the weights of several bundles ("stochastic weight averaging", Izmailov et al., UAI 2018): summed in
 * float64 in the order given and rounded once.
 */
import { DinogradError } from "../../engine/errors.ts";
import { type Bundle, openBundle } from "./reader.ts";
import { elementReader, elementWriter, isFloatDType } from "../element_view.ts";
import type { FileLayer } from "../files/layer.ts";
import { elementCount, type StoredTensor } from "../stored_tensor.ts";
import { quote } from "../quote.ts";

/**
 * Averages the tensors that `filter` accepts (all by default). Tensors that are not float (counters) must mean
 * something as they are: they are taken from the last bundle.
 * @throws {DinogradError} of kind "checkpoint" if there are no bundles or their names, dtypes or shapes differ
 * @category Bundles
 */
export async function averageBundles(
  paths: readonly string[],
  options: { files?: FileLayer; filter?: (name: string) => boolean } = {},
): Promise<Map<string, StoredTensor>> {
  if (paths.length === 0) throw new DinogradError("checkpoint", "average: expected at least one bundle but found none");
  const filter = options.filter ?? (() => true);
  const bundles: Bundle[] = [];
  try {
    for (const path of paths) bundles.push(await openBundle(path, options));
    const last = bundles[bundles.length - 1];
    for (const bundle of bundles) expectSameTensors(bundle, { like: last, filter });
    const result = new Map<string, StoredTensor>();
    for (const [name, { dtype }] of last.tensors) {
      if (!filter(name)) continue;
      result.set(name, isFloatDType(dtype) ? await averageTensor(name, bundles) : await last.read(name));
    }
    return result;
  } finally {
    for (const bundle of bundles) await bundle.close();
  }
}

async function averageTensor(name: string, bundles: readonly Bundle[]): Promise<StoredTensor> {
  let sum: Float64Array | undefined;
  let tensor: StoredTensor | undefined;
  for (const bundle of bundles) {
    tensor = await bundle.read(name);
    const read = elementReader(tensor);
    sum ??= new Float64Array(elementCount(tensor.shape));
    for (let index = 0; index < sum.length; index++) sum[index] += read(index);
  }
  if (!tensor || !sum) throw new Error("averageTensor: expected at least one bundle");
  const result: StoredTensor = { ...tensor, data: new Uint8Array(tensor.data.length) };
  const write = elementWriter(result);
  for (let index = 0; index < sum.length; index++) write(index, sum[index] / bundles.length);
  return result;
}

function expectSameTensors(
  bundle: Bundle,
  { like, filter }: { like: Bundle; filter: (name: string) => boolean },
): void {
  const list = (one: Bundle) =>
    new Map(
      [...one.tensors].filter(([name]) => filter(name)).map((
        [name, { dtype, shape }],
      ) => [name, `${dtype} [${shape.join(", ")}]`]),
    );
  const [found, expected] = [list(bundle), list(like)];
  for (const name of new Set([...expected.keys(), ...found.keys()])) {
    if (found.get(name) !== expected.get(name)) {
      throw new DinogradError(
        "checkpoint",
        `average: ${bundle.path}: expected ${quote(name)} as ${
          expected.get(name) ?? "absent"
        } (as in ${like.path}) but found ${found.get(name) ?? "none"}`,
      );
    }
  }
}
