/**
 * Class heads with a row for each category, one after the other, as heads with a row for each category id, which is what a
 * row is here. Rows of ids that no category has are never chosen: their weights are 0 and their bias is so low that the
 * score is 0 exactly, and since no other number changes, the best detections are the same ones in the same order.
 */
import { bytesPerElement, elementCount, elementWriter, type StoredTensor } from "../../checkpoint/mod.ts";
import { hasClassRows, sameClasses } from "./class_rows.ts";
import { cocoClasses } from "./coco_classes.ts";
import type { NamedWeight, Weights } from "./named_weight.ts";
import type { WeightsFile } from "./weights_file.ts";

/** The logit of a category that does not exist. In float16 it is a number too, and its sigmoid is 0 in float32. */
const NEVER = -1e4;

/** Where rows go. */
interface SpreadOptions {
  /** The category id of each row. */
  readonly ids: readonly number[];
  /** Rows of heads that there are to be: more than the largest id. Embeddings of labels get one more, as always. */
  readonly rows: number;
}

/** The same weights, with rows by category id wherever there is one for each category. */
export function spreadClasses(weights: Weights, { ids, rows }: SpreadOptions): Weights {
  // A tensor with several names stays one.
  const known = new Map<NamedWeight, NamedWeight>();
  return new Map([...weights].map(([name, weight]) => {
    const isLabels = name.endsWith("label_enc.weight");
    const fits = isLabels ? weight.shape[0] >= ids.length : weight.shape[0] === ids.length;
    if (!hasClassRows(name) || !fits) return [name, weight];
    const made = known.get(weight) ?? spread(weight, {
      ids,
      rows: isLabels ? rows + 1 : rows,
      others: name.endsWith("bias") ? NEVER : 0,
    });
    known.set(weight, made);
    return [name, made];
  }));
}

/**
 * A file whose rows are COCO's categories without gaps, by its names or for want of any, with rows by category id; every
 * other file as it is. Its configuration, where it has one, says so too.
 */
export function atCategoryIds<F extends WeightsFile>(file: F): F {
  const coco = cocoClasses();
  const isCoco = file.classes === null || sameClasses(file.classes, coco);
  const rows = file.tensors.get("class_embed.0.bias")?.shape[0];
  if (!isCoco || rows !== coco.length) return file;
  const ids = coco.map(({ id }) => id);
  const largest = Math.max(...ids) + 1;
  const options = { ids, rows: largest };
  return {
    ...file,
    tensors: spreadClasses(file.tensors, options),
    ema: file.ema && spreadClasses(file.ema, options),
    classes: coco,
    config: file.config && { ...file.config, num_classes: largest, dn_labelbook_size: largest },
  };
}

function spread(weight: NamedWeight, { ids, rows, others }: SpreadOptions & { readonly others: number }): NamedWeight {
  const { dtype, shape: [, ...rest] } = weight;
  const shape = [rows, ...rest];
  return {
    dtype,
    shape,
    async read(): Promise<StoredTensor> {
      const { data: from } = await weight.read();
      const width = elementCount(rest) * bytesPerElement(dtype);
      const result: StoredTensor = { dtype, shape, data: new Uint8Array(rows * width) };
      if (others !== 0) {
        const write = elementWriter(result);
        for (let at = 0; at < elementCount(shape); at++) write(at, others);
      }
      ids.forEach((id, row) => result.data.set(from.subarray(row * width, (row + 1) * width), id * width));
      return result;
    },
  };
}
