import { boxIou } from "../../../../detector/eval/mod.ts";
import type { Found } from "../16-nms.ts";

export function suppress(found: readonly Found[], most: number): Found[] {
  const kept: Found[] = [];
  for (const each of found.toSorted((a, b) => b.score - a.score)) {
    if (kept.every((other) => boxIou(each.bbox, other.bbox) <= most)) kept.push(each);
  }
  return kept;
}
