/** Where the official code looks for pretrained backbones: in `backbone_dir`, by the names of their publication. */

import { join } from "@std/path";
import { pretrainedFileName } from "../../config/backbones.ts";
import type { DinoConfig } from "../../config/mod.ts";

/** The pretrained weights in the configuration's `backbone_dir`; null without one, and for a ResNet. */
export function pretrainedFile(config: Pick<DinoConfig, "backbone" | "backbone_dir">): string | null {
  const { backbone, backbone_dir: folder } = config;
  const name = pretrainedFileName(backbone);
  return folder && name !== undefined ? join(folder, name) : null;
}
