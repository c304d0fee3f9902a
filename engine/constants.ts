/**
 * Tensors that are the same in every step, such as the sizes of feature levels or the embeddings of positions: made once per
 * device and kept, so that a step neither computes nor uploads them again. What was not asked for longest goes first.
 */

import type { Device } from "./device/device.ts";
import { outsideScopes } from "./scope.ts";
import type { Tensor } from "./tensor.ts";

/** Elements that are kept of all constants of a device together: 32 MB. */
const MOST_ELEMENTS = 8 << 20;

interface Kept {
  /** In the order in which they were last asked for. */
  readonly tensors: Map<string, Tensor>;
  elements: number;
}

const keptBy = new WeakMap<Device, Kept>();

/**
 * A tensor that nobody may change, belonging to the caller's scope; `key` names it and everything that its values depend on,
 * `make` is called where it is not kept.
 */
export function constantOf(device: Device, key: string, make: () => Tensor): Tensor {
  let kept = keptBy.get(device);
  if (!kept) keptBy.set(device, kept = { tensors: new Map(), elements: 0 });
  const { tensors } = kept;
  let constant = tensors.get(key);
  if (constant) tensors.delete(key);
  else {
    constant = outsideScopes(make);
    kept.elements += constant.size;
  }
  tensors.set(key, constant);
  const result = constant.alias();
  for (const [oldest, tensor] of tensors) {
    if (kept.elements <= MOST_ELEMENTS) break;
    kept.elements -= tensor.size;
    tensors.delete(oldest);
    tensor.dispose();
  }
  return result;
}

/** Gives up all constants of a device; whoever needs one makes it again. */
export function forgetConstants(device: Device): void {
  for (const tensor of keptBy.get(device)?.tensors.values() ?? []) tensor.dispose();
  keptBy.delete(device);
}
