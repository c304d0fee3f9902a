/**
 * What makes up for classes with few images or objects: how often images come, and how much objects count. Both follow
 * from the configuration and the annotations, so that a resumed run has the same.
 */

import { counted } from "../../engine/counted.ts";
import type { DinoConfig } from "../config/mod.ts";
import { type Dataset, repeatFactors, samplesOf } from "../data/mod.ts";
import { classBalancedWeights } from "../loss/class_balance.ts";

type BalanceConfig = Pick<DinoConfig, "repeat_threshold" | "class_balance_beta" | "num_classes">;

export interface DataBalance {
  /** How often each training image comes in an epoch, on average; undefined for once each. */
  readonly factors: Float64Array | undefined;
  /** Samples of an epoch. */
  readonly samples: number;
  /** A factor for each class; undefined for none. */
  readonly classWeights: Float32Array | undefined;
  /** What to tell of it, a line each. */
  readonly lines: readonly string[];
  /** What is odd about it, a line each. */
  readonly notes: readonly string[];
}

/** Settles both for the training images. */
export function balanceOf(dataset: Dataset, config: BalanceConfig): DataBalance {
  const found = repeatFactors(dataset, config.repeat_threshold);
  const factors = found?.some((factor) => factor > 1) ? found : undefined; // where nothing repeats, nothing is different
  const classWeights = classWeightsOf(dataset, config);
  const samples = factors ? samplesOf(factors) : dataset.length;
  const lines: string[] = [], notes: string[] = [];
  const setting = `repeat_threshold=${config.repeat_threshold}`;
  if (factors) {
    const repeated = counted(factors.filter((factor) => factor > 1).length, "image comes", "images come");
    lines.push(
      `${setting}: an epoch has ${counted(samples, "sample")} of ${
        counted(dataset.length, "image")
      }; ${repeated} more ` +
        `than once, up to ${short(Math.max(...factors))} times`,
    );
  } else if (found) notes.push(`${setting} repeats no image: every class is in a larger share of them`);
  if (classWeights) {
    const named = dataset.categories.map(({ id, name }) => ({ name, weight: classWeights[id] ?? 1 }))
      .sort((a, b) => a.weight - b.weight);
    const [least, most] = [named[0], named[named.length - 1]];
    lines.push(
      `class_balance_beta=${config.class_balance_beta}: objects count from ${short(least.weight)} (${least.name}) to ` +
        `${short(most.weight)} (${most.name})`,
    );
  }
  return { factors, samples, classWeights, lines, notes };
}

function classWeightsOf(dataset: Dataset, config: BalanceConfig): Float32Array | undefined {
  if (config.class_balance_beta === 0) return undefined;
  const counts = new Array<number>(config.num_classes).fill(0);
  for (let index = 0; index < dataset.length; index++) {
    for (const { category_id } of dataset.entry(index).objects) {
      if (category_id < counts.length) counts[category_id]++; // others are an error that is told elsewhere
    }
  }
  return classBalancedWeights(counts, config.class_balance_beta);
}

const short = (value: number) => String(Number(value.toPrecision(3)));
