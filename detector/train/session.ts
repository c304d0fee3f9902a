/**
 * Everything that a training run is made of, in one place: model, optimizer, schedule, average, random streams and how
 * far it is. `step` trains on one batch; `capture` tells all that exact resuming needs, weights are loaded by name, and
 * `goOn` takes the rest: what is in none of them is either a pure function of what is, or a circumstance.
 */

import { asStateMap, type BundleContent, type StateValue } from "../../checkpoint/mod.ts";
import { forgetConstants } from "../../engine/constants.ts";
import type { Device } from "../../engine/device/device.ts";
import { DinogradError } from "../../engine/errors.ts";
import { AdamW, clipGradNorm, type Optimizer, SGD, type StoredOptimizerState } from "../../engine/optim/mod.ts";
import { RandomStream, ZeroStream } from "../../engine/random.ts";
import { scoped } from "../../engine/scope.ts";
import { tensor } from "../../engine/tensor.ts";
import type { Module } from "../../engine/nn/module.ts";
import { CONFIG_KEYS, type ConfigKey, type ConfigValue, type DinoConfig, groupOf } from "../config/mod.ts";
import { canonicalJson } from "../config/values.ts";
import type { Batch } from "../data/mod.ts";
import { Criterion } from "../loss/criterion.ts";
import { buildDino, type Dino } from "../model/dino.ts";
import { type Best, NO_BEST } from "./best.ts";
import { snapshot, withoutAliases } from "./records/bundle_state.ts";
import { MovingAverage } from "./ema.ts";
import { planRates, type RatesPlan } from "./learning_rates.ts";
import { parameterGroups, type RatedGroup } from "./param_groups.ts";
import { afterStep, BEGINNING, type Progress } from "./progress.ts";
import { SkippedImages } from "./records/skipped_images.ts";
import type { SessionState } from "./records/session_state.ts";
import type { StepLoss } from "./records/step_trace.ts";

/** How many recent losses a bundle carries. */
const TRACE_LENGTH = 200;

interface SessionSetup {
  readonly device: Device;
  readonly config: DinoConfig;
  readonly seed: number;
  readonly stepsPerEpoch: number;
  /** Names of the classes by label, where known. */
  readonly classes: readonly { readonly id: number; readonly name: string }[];
  /** What is recorded of the data (see `data_record.ts`). */
  readonly data?: StateValue;
  /** Parameters whose name contains one of these stay as they are. */
  readonly freeze: readonly string[];
  /** `[classes]`: factors on the class losses of objects (`classBalancedWeights`). Default: none. */
  readonly classWeights?: Float32Array;
}

/** Loss, norm of the gradients and learning rates of a step. */
export interface StepOutcome {
  readonly loss: number;
  readonly losses: Readonly<Record<string, number>>;
  readonly gradientNorm: number;
  readonly learningRate: number;
  /** One per parameter group; `learningRate` is the first. */
  readonly learningRates: readonly number[];
}

export class TrainingSession {
  readonly device: Device;
  readonly config: DinoConfig;
  readonly seed: number;
  readonly classes: SessionSetup["classes"];
  readonly data: StateValue;
  readonly stepsPerEpoch: number;
  readonly freeze: readonly string[];
  readonly model: Dino;
  readonly groups: readonly RatedGroup[];
  readonly optimizer: Optimizer;
  readonly rates: RatesPlan;
  readonly ema: MovingAverage<Dino> | undefined;
  readonly #criterion: Criterion;
  /** One stream per use. Each process of a distributed run has its own pair. */
  readonly #denoising: RandomStream;
  readonly #noise: RandomStream;

  progress: Progress = BEGINNING;
  best: { readonly regular: Best; readonly ema: Best } = { regular: NO_BEST, ema: NO_BEST };
  /** One record per finished epoch, without times. */
  history: StateValue[] = [];
  /** The latest losses with their steps. */
  trace: StepLoss[] = [];
  /** Images that were left out since they cannot be read. */
  skipped: SkippedImages = SkippedImages.NONE;
  /** What was changed by hand on a resume, and at which step. */
  overrides: StateValue[] = [];

  constructor(setup: SessionSetup) {
    const { device, config, seed } = setup;
    this.device = device;
    this.config = config;
    this.seed = seed;
    this.classes = setup.classes;
    this.data = setup.data ?? null;
    this.stepsPerEpoch = setup.stepsPerEpoch;
    this.freeze = setup.freeze;
    this.#denoising = RandomStream.named(seed, "denoising");
    this.#noise = RandomStream.named(seed, "noise");
    // A device that holds no numbers needs none.
    const random = device.kind === "dry" ? new ZeroStream() : RandomStream.named(seed, "initialization");
    this.model = buildDino({ device, random, noise: this.#noise }, config).train();
    freezeParameters(this.model, setup.freeze);
    this.groups = parameterGroups(this.model, config);
    this.optimizer = config.optimizer === "sgd"
      ? new SGD(this.groups, { momentum: config.momentum })
      : new AdamW(this.groups);
    this.rates = planRates(config, {
      initialRates: this.groups.map(({ learningRate }) => learningRate),
      stepsPerEpoch: setup.stepsPerEpoch,
    });
    if (config.use_ema) {
      // The average begins as a copy of the model: what it draws does not matter.
      const average = buildDino({ device, random: new ZeroStream() }, config);
      this.ema = new MovingAverage(this.model, average, config.ema_decay);
    }
    this.#criterion = new Criterion(config, { classWeights: setup.classWeights });
  }

  /**
   * Trains on one batch.
   * @throws {DinogradError} of kind "nonfinite", before anything has changed, if the loss or the norm of its gradients is
   * not a finite number
   */
  async step(batch: Batch): Promise<StepOutcome> {
    return await scoped(async (inner) => {
      const rates = this.rates.at(this.progress);
      const { learningRates } = rates;
      const images = tensor(this.device, batch.images, batch.shape);
      const outputs = this.model.forward({
        images,
        mask: batch.mask,
        denoising: { targets: batch.targets, random: this.#denoising },
      });
      const { total, read } = await this.#criterion.compute(outputs, batch.targets);
      const { norm, coefficient } = inner.run(() => {
        total.backward();
        const parameters = this.groups.flatMap((group) => group.parameters.map(([, parameter]) => parameter));
        return clipGradNorm(parameters, this.config.clip_max_norm);
      });
      // One wait for all numbers of a step, the other one is that of the matching.
      const [values, loss, gradientNorm] = await Promise.all([read(), total.item(), norm.item()]);
      for (const [what, number] of [["loss", loss], ["norm of the gradients", gradientNorm]] as const) {
        if (Number.isFinite(number)) continue;
        this.optimizer.zeroGrad();
        throw new DinogradError("nonfinite", `expected a finite ${what} but found ${number}`);
      }
      inner.run(() => {
        this.optimizer.step({ ...rates, coefficient });
        this.optimizer.zeroGrad();
        if (this.progress.epoch >= this.config.ema_epoch) this.ema?.update();
      });
      this.trace = [...this.trace.slice(1 - TRACE_LENGTH), { step: this.progress.step, loss }];
      this.progress = { ...afterStep(this.progress), samples: batch.nextSample };
      this.skipped = this.skipped.afterBatch(batch.skipped ?? [], { isEmpty: false });
      return { loss, losses: values, gradientNorm, learningRate: learningRates[0], learningRates };
    });
  }

  /** Goes past a batch none of whose images can be read: no step is made, and no random number drawn. */
  passOver({ nextSample, skipped = [] }: Batch): void {
    this.progress = { ...this.progress, samples: nextSample };
    this.skipped = this.skipped.afterBatch(skipped, { isEmpty: true });
  }

  /** The whole state. Tensors are copies: training may continue while they are written. `runtime` is left out of digests. */
  async capture(runtime: StateValue): Promise<BundleContent> {
    const model = withoutAliases(this.model.stateDict());
    const { tensors: moments, steps } = this.optimizer.state();
    const ema = this.ema && withoutAliases(this.ema.average.stateDict()).tensors;
    const tensors = await snapshot([
      ["model", model.tensors],
      ["optimizer", moments],
      ...(ema ? [["ema", ema] as const] : []),
    ]);
    const { epoch, step, samples, phase } = this.progress;
    const [decided, incidental] = splitConfig(this.config);
    const state: StateValue = {
      kind: "dinograd training state",
      epoch,
      step,
      phase,
      seed: this.seed,
      sampler: { epoch, samples },
      model: { aliases: { ...model.aliases } },
      optimizer: {
        kind: this.config.optimizer,
        groups: this.groups.map(({ name, parameters, weightDecay, learningRate }) => ({
          name,
          parameters: parameters.map(([key]) => key),
          weight_decay: weightDecay,
          initial_learning_rate: learningRate,
        })),
        steps: Object.fromEntries(steps),
      },
      scheduler: { description: this.rates.description, total_steps: this.rates.totalSteps },
      ema: this.ema ? { updates: this.ema.updates, decay: this.config.ema_decay } : null,
      // One entry per process; this release trains in one.
      random: { processes: [{ denoising: randomState(this.#denoising), noise: randomState(this.#noise) }] },
      best: { regular: { ...this.best.regular }, ema: { ...this.best.ema } },
      history: this.history,
      losses: this.trace.map(({ step, loss }) => ({ step, loss })),
      overrides: this.overrides,
      ...this.skipped.toState(),
      config: decided,
      classes: this.classes.map(({ id, name }) => ({ id, name })),
      data: this.data,
      freeze: [...this.freeze],
      runtime: { ...asStateMap(runtime), config: incidental },
    };
    return { tensors, state };
  }

  /** Puts back all that is not weights: moments, random streams, progress, best metric and history. */
  goOn(state: SessionState, optimizer: StoredOptimizerState): void {
    this.optimizer.loadState(optimizer);
    if (this.ema) this.ema.updates = state.averageUpdates ?? 0;
    this.#denoising.rewind(state.counters.denoising);
    this.#noise.rewind(state.counters.noise);
    this.progress = state.progress;
    this.best = state.best;
    this.history = state.history;
    this.trace = state.trace;
    this.overrides = state.overrides;
    this.skipped = state.skipped;
  }

  dispose(): void {
    this.optimizer.dispose();
    this.ema?.average.dispose();
    this.model.dispose();
    forgetConstants(this.device);
  }
}

const randomState = (stream: RandomStream): StateValue => ({ key: [...stream.key], counter: stream.counter });

/** What decides the numbers, and what may differ between equal runs. */
function splitConfig(config: DinoConfig): [decided: StateValue, incidental: StateValue] {
  const isTold = ([key, value]: [ConfigKey, ConfigValue]) => {
    const { isLater, default: initial } = CONFIG_KEYS[key];
    return !isLater || canonicalJson(value) !== canonicalJson(initial);
  };
  const entries = (Object.entries(config) as [ConfigKey, ConfigValue][]).filter(isTold); // a config has exactly these keys
  const part = (runtime: boolean): StateValue =>
    Object.fromEntries(
      entries.filter(([key]) => (groupOf(key) === "runtime") === runtime).map(([key, value]) => [key, toState(value)]),
    );
  return [part(false), part(true)];
}

/** Config values are already trees of plain values; this copies the readonly ones. */
function toState(value: ConfigValue): StateValue {
  if (Array.isArray(value)) return value.map(toState);
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, toState(inner)]));
  }
  return value;
}

/** Fixes the parameters whose name contains one of the keywords. */
function freezeParameters(model: Module, keywords: readonly string[]): void {
  for (const [name, parameter] of model.parameters()) {
    if (keywords.some((keyword) => name.includes(keyword))) parameter.requiresGrad = false;
  }
}
