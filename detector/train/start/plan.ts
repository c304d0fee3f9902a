/**
 * What happens to each part of a checkpoint when a session continues from it, decided before anything is loaded: weights
 * key by key, moments with their parameters, counters as they were or at the beginning of an epoch, best metric and
 * history as far as they still say something about this run.
 */

import { elementsOf, type StateValue } from "../../../checkpoint/mod.ts";
import { DinogradError } from "../../../engine/errors.ts";
import { sameShape } from "../../../engine/shape.ts";
import type { TensorData } from "../../../engine/dtype.ts";
import type { ConfigDifference, ConfigKey, RunUi, TrainOptions } from "../../config/mod.ts";
import { counted } from "../../../engine/counted.ts";
import {
  applyLoad,
  classesOfFile,
  KEY_OUTCOMES,
  keysWith,
  type LoadPlan,
  otherBackbone,
  planLoad,
  showLoad,
} from "../../weights/mod.ts";
import { better, NO_BEST } from "../best.ts";
import { StateReader } from "../records/bundle_state.ts";
import type { Progress } from "../progress.ts";
import type { TrainingSession } from "../session.ts";
import { readProgress, readSessionState } from "../records/session_state.ts";
import { overrideRecords } from "./settle_config.ts";
import { beginningOf, readClassMap, showFrozen, type StartPlan, warnOfIdleKeywords } from "./common.ts";
import type { OptimizerRecord, StateMap, TrainingRecord } from "./training_record.ts";

interface ResumeRequest {
  readonly record: TrainingRecord;
  /** Whether the run continues unchanged. */
  readonly exact: boolean;
  readonly overridden: readonly ConfigDifference[];
  readonly options: TrainOptions;
}

/** Decides. @throws DinogradError where weights, moments or the epoch do not fit the session */
export async function planResume(session: TrainingSession, request: ResumeRequest): Promise<StartPlan> {
  const { record, exact, options } = request;
  const classMap = readClassMap(options.classMap);
  const choice = {
    ignore: options.finetuneIgnore,
    fileClasses: classesOfFile({ ...record, tensors: record.weights }, classMap),
    modelClasses: session.classes,
    classMap,
  };
  const weights = planLoad(session.model, record.weights, choice);
  if (options.finetuneIgnore.length === 0) {
    requireComplete(weights, { path: record.path, cause: otherBackbone(session.model, record.weights) });
  }
  const average = session.ema && record.ema ? planLoad(session.ema.average, record.ema, choice) : undefined;
  const moments = planMoments(session, await record.optimizer(session.config), weights);
  if (exact) requireRest(session, { average, moments, request });
  const progress = planProgress(session, request);
  const state = readSessionState(
    new StateReader(
      resumableState(session, { ...request, progress, moments, keepsWeights: isWhole(weights) }),
      record.path,
    ),
  );
  return {
    progress,
    show: (ui) => {
      showPlace(progress, request, ui);
      if (!exact) showLoad(weights, ui);
      showMoments(moments, ui);
      if (session.ema && !average) ui.say("the average starts as a copy of the weights: the checkpoint has none");
      const names = [...session.model.stateDict().keys(), ...record.weights.keys()];
      warnOfIdleKeywords("--finetune_ignore", options.finetuneIgnore, { names, ui });
      showFrozen(session.model, session.freeze, ui);
      if (request.overridden.length === 0) {
        for (const line of record.differences({ progress, rates: session.rates })) ui.warn(line);
      }
    },
    apply: async () => {
      await applyLoad(weights);
      session.ema?.copy();
      if (average) await applyLoad(average);
      session.goOn(state, { tensors: await readMoments(moments), steps: moments.steps });
    },
  };
}

const isWhole = (plan: LoadPlan) => plan.keys.every(({ outcome }) => outcome === "loaded");

/** @throws DinogradError("config") unless every key of model and file is loaded */
function requireComplete(
  plan: LoadPlan,
  { path, cause }: { readonly path: string; readonly cause: string | undefined },
): void {
  // Rows are moved only where classes have other names or places than in the checkpoint.
  const [moved] = keysWith(plan, "carried over");
  if (moved) {
    throw new DinogradError(
      "config",
      `${path}: expected data with the classes of the checkpoint but found others (${moved.name}: ${moved.note}); ` +
        "--finetune_ignore class_embed label_enc lets what knows classes start afresh, --pretrain_model_path carries " +
        "classes over by their names",
    );
  }
  const odd = KEY_OUTCOMES.filter((outcome) => outcome !== "loaded").map((outcome) => keysWith(plan, outcome));
  const [first, ...rest] = odd.flat();
  if (!first) return;
  const note = first.note ? ` (${first.note})` : "";
  const more = rest.length > 0 ? ` and ${rest.length} more` : "";
  const why = cause === undefined ? "" : `; ${cause}`;
  throw new DinogradError(
    "config",
    `${path}: expected exactly the parameters of this model but found ${first.outcome}: ${first.name}${note}${more}${why}; ` +
      "--finetune_ignore NAMES lets parameters start afresh, --pretrain_model_path takes what fits",
  );
}

/**
 * A run that continues unchanged needs its moments and its average as much as its weights, unless it is told to do without.
 * @throws DinogradError("checkpoint") where the file lacks them
 */
function requireRest(
  session: TrainingSession,
  { average, moments, request: { record, overridden } }: {
    readonly average: LoadPlan | undefined;
    readonly moments: MomentsPlan;
    readonly request: ResumeRequest;
  },
): void {
  const isOverridden = (wanted: ConfigKey) => overridden.some(({ key }) => key === wanted);
  const lacks = (what: string): never => {
    throw new DinogradError(
      "checkpoint",
      `${record.path}: expected ${what}; it cannot be continued exactly, --pretrain_model_path starts from its weights`,
    );
  };
  const [fresh, ...more] = moments.fresh;
  if (fresh !== undefined && !isOverridden("optimizer")) {
    lacks(
      `moments of every trained parameter but found none that fit ${fresh}${
        more.length ? ` and ${more.length} more` : ""
      }`,
    );
  }
  if (!session.ema || isOverridden("use_ema")) return;
  const missing = average?.keys.find(({ outcome }) => outcome !== "loaded");
  if (!average) lacks("the average of its weights but found none");
  else if (missing) lacks(`the average of all weights but found ${missing.outcome}: ${missing.name}`);
}

interface MomentsPlan extends OptimizerRecord {
  /** Trained parameters that start without moments, though the checkpoint has some. */
  readonly fresh: readonly string[];
  /** Parameters with moments in the checkpoint that are not trained here. */
  readonly dropped: readonly string[];
}

/** Moments go with their parameters: they are taken over where the whole weight is. */
function planMoments(session: TrainingSession, { moments, steps }: OptimizerRecord, weights: LoadPlan): MomentsPlan {
  const kinds = session.optimizer.moments;
  const loaded = new Set(keysWith(weights, "loaded").map(({ name }) => name));
  const parameters = new Map(session.groups.flatMap((group) => group.parameters));
  const fits = (name: string) => {
    const parameter = parameters.get(name);
    const found = kinds.map((kind) => moments.get(`${kind}/${name}`));
    return parameter !== undefined && loaded.has(name) &&
      found.every((moment) => moment !== undefined && sameShape(moment.shape, parameter.shape));
  };
  const known = [...steps.keys()];
  const taken = new Set(known.filter(fits));
  return {
    moments: new Map([...moments].filter(([key]) => taken.has(key.slice(key.indexOf("/") + 1)))),
    steps: new Map([...steps].filter(([name]) => taken.has(name))),
    fresh: [...parameters.keys()].filter((name) => steps.has(name) && !taken.has(name)),
    dropped: known.filter((name) => !parameters.has(name)),
  };
}

async function readMoments({ moments }: MomentsPlan): Promise<Map<string, TensorData>> {
  const values = new Map<string, TensorData>();
  for (const [key, moment] of moments) values.set(key, elementsOf(await moment.read(), "f32"));
  return values;
}

/** Where the run is: where the bundle was, also in the middle of an epoch, or at the beginning of one. */
function planProgress(session: TrainingSession, { record, exact, options }: ResumeRequest): Progress {
  return exact
    ? readProgress(new StateReader({ ...record.state }, record.path))
    : beginningOf(options.startEpoch ?? record.nextEpoch, session);
}

function showPlace({ epoch, step }: Progress, { record, options }: ResumeRequest, ui: RunUi): void {
  ui.say(`resumed from ${record.path}: epoch ${epoch}, step ${step}`);
  if (options.startEpoch !== null && epoch !== record.nextEpoch) {
    ui.say(`starts at epoch ${epoch} by --start_epoch; the checkpoint would continue with epoch ${record.nextEpoch}`);
  }
  if (record.kind === "pth") {
    ui.say("an official checkpoint keeps no random state, history or best metric: these begin afresh");
  }
}

function showMoments({ steps, fresh, dropped }: MomentsPlan, ui: RunUi): void {
  if (fresh.length === 0 && dropped.length === 0) return;
  const parts = [`${counted(steps.size, "parameter keeps its", "parameters keep their")} moments`];
  if (fresh.length > 0) parts.push(`${counted(fresh.length, "starts", "start")} without: ${fresh.join(", ")}`);
  if (dropped.length > 0) parts.push(`${counted(dropped.length, "is", "are")} not trained here: ${dropped.join(", ")}`);
  ui.say(`optimizer: ${parts.join("; ")}`);
}

/** The checkpoint's state as far as it holds for the run from now on. */
function resumableState(
  session: TrainingSession,
  { record, exact, overridden, progress, moments, keepsWeights }: ResumeRequest & {
    readonly progress: Progress;
    readonly moments: MomentsPlan;
    readonly keepsWeights: boolean;
  },
): { [key: string]: StateValue } {
  const { epoch, step, samples, phase } = progress;
  const state = new StateReader({ ...record.state }, record.path);
  const updates = state.get("ema").optional((ema) => ema.get("updates").number());
  const overrides = [...state.get("overrides").list().map(({ value }) => value), ...overrideRecords(overridden, step)];
  return {
    ...record.state,
    ...(exact ? {} : pastOf(state, { epoch, keepsWeights })),
    epoch,
    step,
    phase,
    sampler: { epoch, samples },
    // An official checkpoint counts no updates of the average: one followed every step.
    ema: session.ema ? { updates: record.ema ? updates ?? Math.max(0, ...moments.steps.values()) : 0 } : null,
    overrides,
  };
}

/**
 * History and best metric of the epochs before this one. Parameters that start afresh make another model, whose results
 * are not to be compared with those of the old one.
 */
function pastOf(
  state: StateReader,
  { epoch, keepsWeights }: { readonly epoch: number; readonly keepsWeights: boolean },
): StateMap {
  const past = (key: string, isPast: (entry: StateReader) => boolean): StateValue[] =>
    keepsWeights ? state.get(key).list().filter(isPast).map(({ value }) => value) : [];
  const history = past("history", (entry) => entry.get("epoch").number() < epoch);
  const best = (key: string) =>
    history.reduce((record, value) => {
      const entry = new StateReader(value, state.place);
      const [ap] = entry.get(key).optional((list) => list.list()) ?? [];
      return ap ? better(record, ap.number(), entry.get("epoch").number()) : record;
    }, NO_BEST as ReturnType<typeof better>);
  return {
    history,
    losses: [],
    skipped: null,
    best: {
      regular: { ...best("test_coco_eval_bbox") },
      ema: { ...best("ema_test_coco_eval_bbox") },
    },
  };
}
