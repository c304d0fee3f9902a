/**
 * Loading a checkpoint's weights into a model that may differ from it: first a plan that says what happens to every key,
 * then the loading itself. Between the two a caller shows the plan, refuses it, or stops there (`--dry_run`).
 */

import { groupBy } from "../../engine/group_by.ts";
import { elementsOf } from "../../checkpoint/mod.ts";
import { DinogradError } from "../../engine/errors.ts";
import type { Module } from "../../engine/nn/module.ts";
import { formatShape, sameShape } from "../../engine/shape.ts";
import type { Tensor } from "../../engine/tensor.ts";
import type { RunUi } from "../config/mod.ts";
import { counted } from "../../engine/counted.ts";
import { showClasses } from "./class_report.ts";
import { type CarriedRow, type ClassMap, hasClassRows, matchClasses, sameClasses } from "./class_rows.ts";
import { KEY_OUTCOMES, type KeyOutcome, type KeyPlan, type LoadPlan } from "./load_plan.ts";
import type { ClassName, NamedWeight, Weights } from "./named_weight.ts";

interface PlanOptions {
  /** Keys whose name contains one of these, under any of the tensor's names, stay as they are. */
  readonly ignore?: readonly string[];
  /** Only keys that begin with this are looked at, such as `backbone.0.`. */
  readonly within?: string;
  /** Names of the classes in the file and in the model; rows carry over where both are known and differ. */
  readonly fileClasses?: readonly ClassName[] | null;
  readonly modelClasses?: readonly ClassName[] | null;
  readonly classMap?: ClassMap;
}

/**
 * Decides what happens to every key. Reads no tensor and changes nothing.
 * @throws DinogradError("config") where the class map does not fit
 */
export function planLoad(model: Module, weights: Weights, options: PlanOptions = {}): LoadPlan {
  const { ignore = [], within = "" } = options;
  const state = model.stateDict();
  const names = groupBy(state.keys(), (name) => state.get(name));
  const rows = rowsToCarry(options);
  const isIgnored = (all: readonly string[]) => all.some((name) => ignore.some((keyword) => name.includes(keyword)));
  const keys: KeyPlan[] = [];
  for (const [name, to] of state) {
    if (!name.startsWith(within)) continue;
    const aliases = names.get(to) ?? [name];
    // A tensor with several names may be in the file under one of them alone.
    const from = weights.get(name) ?? weights.get(aliases.find((alias) => weights.has(alias)) ?? name);
    if (isIgnored(aliases)) keys.push({ name, outcome: "ignored", note: "" });
    else if (!from) keys.push({ name, outcome: "missing", note: formatShape(to.shape) });
    else keys.push(planKey(name, { from, to, rows }));
  }
  for (const [name, { shape }] of weights) {
    if (state.has(name) || !name.startsWith(within) || isBookkeeping(name)) continue;
    const outcome = isIgnored([name]) ? "ignored" : "unexpected";
    keys.push({ name, outcome, note: formatShape(shape) });
  }
  return { keys, classes: { file: options.fileClasses ?? null, model: options.modelClasses ?? null, rows } };
}

/** Batch norms of PyTorch count batches; nothing reads the count of a frozen one. */
const isBookkeeping = (name: string) => name.endsWith("num_batches_tracked");

/** Rows by class name, or undefined where rows stay where they are. */
function rowsToCarry({ fileClasses, modelClasses, classMap }: PlanOptions): readonly CarriedRow[] | undefined {
  if (!fileClasses || !modelClasses) {
    if (!classMap) return undefined;
    const side = fileClasses ? "data set" : "checkpoint";
    throw new DinogradError("config", `class map: expected a ${side} that names its classes but found none`);
  }
  if (!classMap && sameClasses(fileClasses, modelClasses)) return undefined;
  return matchClasses(fileClasses, modelClasses, classMap);
}

function planKey(
  name: string,
  { from, to, rows }: { from: NamedWeight; to: Tensor; rows: readonly CarriedRow[] | undefined },
): KeyPlan {
  const sameRow = from.shape.length === to.shape.length && sameShape(from.shape.slice(1), to.shape.slice(1));
  if (rows && hasClassRows(name) && sameRow) {
    const fitting = rows.filter((row) => row.from < from.shape[0] && row.to < to.shape[0]);
    const shapes = `${formatShape(from.shape)} to ${formatShape(to.shape)}`;
    if (fitting.length > 0) {
      const note = `${counted(fitting.length, "class", "classes")} by name, ${shapes}: ${
        fitting.map((row) => row.name).join(", ")
      }`;
      return { name, outcome: "carried over", note, load: { from, to, rows: fitting } };
    }
    return { name, outcome: "shape mismatch", note: `no class of the same name, ${shapes}` };
  }
  if (sameShape(from.shape, to.shape)) return { name, outcome: "loaded", note: "", load: { from, to } };
  const note = `${formatShape(from.shape)} in the file, ${formatShape(to.shape)} in the model`;
  return { name, outcome: "shape mismatch", note };
}

export function keysWith(plan: LoadPlan, outcome: KeyOutcome): KeyPlan[] {
  return plan.keys.filter((key) => key.outcome === outcome);
}

/** Does what the plan says, one tensor at a time. A tensor with several names is loaded once. */
export async function applyLoad(plan: LoadPlan): Promise<void> {
  const done = new Set<Tensor>();
  for (const { load } of plan.keys) {
    if (!load || done.has(load.to)) continue;
    const { from, to, rows } = load;
    done.add(to);
    const values = elementsOf(await from.read(), to.dtype);
    to.assign(rows ? await carryRows(values, { to, rows }) : values);
  }
}

/** The model's own values with rows of the file's laid over them. */
async function carryRows(
  values: Float32Array | Int32Array,
  { to, rows }: { to: Tensor; rows: readonly CarriedRow[] },
) {
  const width = to.size / to.shape[0];
  const own = await to.data();
  for (const row of rows) own.set(values.subarray(row.from * width, (row.from + 1) * width), row.to * width);
  return own;
}

/** How many names of one outcome are printed before "and so on". */
const MOST_NAMES = 40;

/** Shows how many keys have which outcome, and names those that were not simply loaded. */
export function showLoad(plan: LoadPlan, ui: Pick<RunUi, "say" | "table">): void {
  ui.table(["keys", "outcome"], KEY_OUTCOMES.map((outcome) => [keysWith(plan, outcome).length, outcome]));
  for (const outcome of KEY_OUTCOMES) {
    if (outcome === "loaded") continue;
    const found = keysWith(plan, outcome);
    for (const { name, note } of found.slice(0, MOST_NAMES)) {
      ui.say(`${outcome}: ${name}${note ? ` (${note})` : ""}`);
    }
    if (found.length > MOST_NAMES) ui.say(`${outcome}: and ${found.length - MOST_NAMES} more`);
  }
  showClasses(plan.keys, plan.classes, ui);
}
