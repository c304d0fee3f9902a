/**
 * What a bundle records of the data it was trained on, so that a resumed run can tell whether it has the same: numbers
 * and a digest of each split's annotation file, and its categories. No paths: a data set that was moved is the same one.
 */

import type { StateValue } from "../../../checkpoint/mod.ts";
import { counted } from "../../../engine/counted.ts";
import type { Dataset } from "../../data/mod.ts";
import type { StateReader } from "../records/bundle_state.ts";

type SplitName = "train" | "val";
const SPLITS: readonly SplitName[] = ["train", "val"];

/**
 * What a run trains and evaluates on.
 *
 * @category Training
 */
export type RunData = Readonly<Record<"train" | "val", Dataset>>;

/**
 * Data that a program has, instead of a folder.
 *
 * @category Training
 */
export interface DataInHand {
  /** What is trained and what is evaluated on, such as two `memoryDataset`s; a resumed run needs the same again. */
  readonly data?: RunData;
}

/** How one split differs from the recorded one. */
interface DataDifference {
  readonly split: SplitName;
  readonly text: string;
  /** Whether labels mean something else: the run cannot continue with it. */
  readonly categories: boolean;
}

/** The record of a run's data. */
export function dataRecord(data: RunData): { [key: string]: StateValue } {
  return Object.fromEntries(SPLITS.map((split) => {
    const { numImages: images, numAnnotations: annotations, categories } = data[split];
    const sha256 = data[split].annotationHash();
    return [split, { images, annotations, sha256, categories: categories.map(({ id, name }) => ({ id, name })) }];
  }));
}

/** What differs between the data of a bundle's run and one split now; nothing where the bundle records none. */
export function compareSplit(recorded: StateReader, now: Dataset, split: SplitName): DataDifference[] {
  const before = recorded.get("data").value === null ? undefined : recorded.get("data").get(split);
  if (before === undefined || before.value === null) return [];
  const differences: DataDifference[] = [];
  const add = (text: string, categories = false) => differences.push({ split, text: `${split}: ${text}`, categories });
  const then = new Map(
    before.get("categories").list().map((entry) => [entry.get("id").number(), entry.get("name").text()]),
  );
  const here = new Map(now.categories.map(({ id, name }) => [id, name]));
  const changed = [...new Set([...then.keys(), ...here.keys()])].filter((id) => then.get(id) !== here.get(id));
  if (changed.length > 0) {
    const [id] = changed;
    const more = changed.length > 1 ? ` (and ${changed.length - 1} more)` : "";
    add(
      `category ${id} is ${here.get(id) ?? "absent"} here and ${then.get(id) ?? "absent"} in the bundle${more}`,
      true,
    );
  }
  const counts = [["image", now.numImages], ["annotation", now.numAnnotations]] as const;
  for (const [what, count] of counts) {
    const recordedCount = before.get(`${what}s`).number();
    if (recordedCount !== count) add(`${counted(count, what)} here and ${recordedCount} in the bundle's run`);
  }
  if (differences.length === 0 && before.get("sha256").text() !== now.annotationHash()) {
    add(`the annotation file is another one (SHA-256 ${now.annotationHash().slice(0, 16)}…), with the same counts`);
  }
  return differences;
}

/** The same for both splits. */
export function compareData(recorded: StateReader, data: RunData): DataDifference[] {
  return SPLITS.flatMap((split) => compareSplit(recorded, data[split], split));
}
