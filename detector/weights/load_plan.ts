/** What is going to happen to every key when weights are loaded: the plan that is shown, refused or carried out. */
import type { Tensor } from "../../engine/tensor.ts";
import type { CarriedRow } from "./class_rows.ts";
import type { ClassName, NamedWeight } from "./named_weight.ts";

/**
 * What happens to a key: `loaded` whole; `carried over` by rows of classes with the same name; `ignored` on request;
 * `missing` in the file; `unexpected` in the model; `shape mismatch`. A key of the model that is not loaded stays as it is.
 */
export type KeyOutcome = "loaded" | "carried over" | "ignored" | "missing" | "unexpected" | "shape mismatch";

/** All of them, the best first. */
export const KEY_OUTCOMES: readonly KeyOutcome[] = [
  "loaded",
  "carried over",
  "ignored",
  "missing",
  "unexpected",
  "shape mismatch",
];

export interface KeyPlan {
  readonly name: string;
  readonly outcome: KeyOutcome;
  /** Shapes or classes, where they explain the outcome. */
  readonly note: string;
  /** What is read, and where it goes; absent where nothing is loaded. */
  readonly load?: { readonly from: NamedWeight; readonly to: Tensor; readonly rows?: readonly CarriedRow[] };
}

/** What happens to all of them. */
export interface LoadPlan {
  /** Every key of the model in its order, then what the file has beyond it. */
  readonly keys: readonly KeyPlan[];
  /** What is known of the classes; `showLoad` says what becomes of each. */
  readonly classes: ClassesOfLoad;
}

/** What is known of the classes on both sides. */
export interface ClassesOfLoad {
  /** Those of the file; null where it names none. */
  readonly file: readonly ClassName[] | null;
  /** Those of the model; null where they are not known. */
  readonly model: readonly ClassName[] | null;
  /** Rows that move to the class of the same name; undefined where rows stay where they are. */
  readonly rows: readonly CarriedRow[] | undefined;
}
