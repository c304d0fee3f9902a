/** Under which file names pretrained backbones were published, as the official code looks for them in `backbone_dir`. */

import { join } from "@std/path";
import type { DinoConfig } from "../../config/dino_config.ts";

const FILES: Readonly<Record<string, string>> = {
  swin_T_224_1k: "swin_tiny_patch4_window7_224.pth",
  swin_B_224_22k: "swin_base_patch4_window7_224_22k.pth",
  swin_B_384_22k: "swin_base_patch4_window12_384.pth",
  swin_L_224_22k: "swin_large_patch4_window7_224_22k.pth",
  swin_L_384_22k: "swin_large_patch4_window12_384_22k.pth",
  convnext_tiny_1k: "convnext_tiny_1k_224_ema.pth",
  convnext_small_1k: "convnext_small_1k_224_ema.pth",
  convnext_base_1k: "convnext_base_1k_224_ema.pth",
  convnext_base_22k: "convnext_base_22k_224.pth",
  convnext_large_1k: "convnext_large_1k_224_ema.pth",
  convnext_large_22k: "convnext_large_22k_224.pth",
  convnext_xlarge_22k: "convnext_xlarge_22k_224.pth",
};

/** The pretrained weights in the configuration's `backbone_dir`; null without one, and for a ResNet. */
export function pretrainedFile(config: Pick<DinoConfig, "backbone" | "backbone_dir">): string | null {
  const { backbone, backbone_dir: folder } = config;
  return folder && Object.hasOwn(FILES, backbone) ? join(folder, FILES[backbone]) : null;
}
