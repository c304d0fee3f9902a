/**
 * A model without its numbers: names, shapes and parameter groups of what a configuration describes, for questions that
 * need nothing else, such as which parameter an official optimizer's index means.
 */

import { DryDevice } from "../../engine/device/dry.ts";
import { ZeroStream } from "../../engine/random.ts";
import type { DinoConfig } from "../config/mod.ts";
import { buildDino, type Dino } from "../model/dino.ts";

/** The model on a device that holds nothing. */
export function outlineModel(config: DinoConfig): Dino {
  return buildDino({ device: new DryDevice(), random: new ZeroStream() }, config);
}
