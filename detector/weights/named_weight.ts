/** Weights by name, and what a row of a class head stands for. */
import type { StoredDType, StoredTensor } from "../../checkpoint/mod.ts";

/** A tensor that is read when asked for. Several names of one tensor share one object. */
export interface NamedWeight {
  readonly dtype: StoredDType;
  readonly shape: readonly number[];
  read(): Promise<StoredTensor>;
}

/** The weights of a model. */
export type Weights = ReadonlyMap<string, NamedWeight>;

/**
 * A class by its label, the index of its row in the class heads.
 *
 * @category Detection
 */
export interface ClassName {
  /** The category id of the data that the model was trained on. */
  readonly id: number;
  /** What people call it. */
  readonly name: string;
}
