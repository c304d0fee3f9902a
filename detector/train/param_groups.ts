/**
 * Which parameters are trained with which learning rate and weight decay: the three groupings of the official code
 * (`param_dict_type`). Order and contents of the groups are the official ones, so its optimizer states can be taken over.
 */

import type { Module } from "../../engine/nn/module.ts";
import type { Parameter } from "../../engine/parameter.ts";
import type { ParameterGroup } from "../../engine/optim/mod.ts";
import type { DinoConfig } from "../config/mod.ts";

/** A group with the learning rate it starts from. */
export interface RatedGroup extends ParameterGroup {
  readonly learningRate: number;
}

type Named = readonly [string, Parameter];

/** Keys that the grouping reads. */
type GroupingConfig = Pick<
  DinoConfig,
  | "param_dict_type"
  | "lr"
  | "lr_backbone"
  | "lr_backbone_names"
  | "lr_linear_proj_names"
  | "lr_linear_proj_mult"
  | "weight_decay"
>;

/** Groups of all parameters that require a gradient. A group may be empty. */
export function parameterGroups(model: Module, config: GroupingConfig): RatedGroup[] {
  const trained = [...model.parameters()].filter(([, parameter]) => parameter.requiresGrad);
  const { lr, lr_backbone: backboneRate, weight_decay: weightDecay } = config;
  const group = (name: string, learningRate: number, chosen: (name: string) => boolean, decay = weightDecay) => ({
    ...{ name, learningRate, weightDecay: decay },
    parameters: trained.filter(([key]: Named) => chosen(key)),
  });
  const matches = (key: string, keywords: readonly string[]) => keywords.some((keyword) => key.includes(keyword));
  const isBackbone = (key: string) => key.includes("backbone");
  switch (config.param_dict_type) {
    case "default":
      return [group("main", lr, (key) => !isBackbone(key)), group("backbone", backboneRate, isBackbone)];
    case "ddetr_in_mmdet": {
      const slow = (key: string) => matches(key, config.lr_backbone_names);
      const projection = (key: string) => matches(key, config.lr_linear_proj_names);
      return [
        group("main", lr, (key) => !slow(key) && !projection(key)),
        group("backbone", backboneRate, slow),
        group("projections", lr * config.lr_linear_proj_mult, projection),
      ];
    }
    case "large_wd": {
      const undecayed = (key: string) => matches(key, ["norm", "bias"]);
      return [
        group("main", lr, (key) => !isBackbone(key) && !undecayed(key)),
        group("backbone undecayed", backboneRate, (key) => isBackbone(key) && undecayed(key), 0),
        group("backbone", backboneRate, (key) => isBackbone(key) && !undecayed(key)),
        group("undecayed", lr, (key) => !isBackbone(key) && undecayed(key), 0),
      ];
    }
  }
}
