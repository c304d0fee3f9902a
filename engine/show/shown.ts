/** What there is to show of a tensor: where it is, and its values where they are at hand. */

import type { TensorData } from "../dtype.ts";
import type { Tensor } from "../tensor.ts";
import { htmlOf } from "./html.ts";
import { type Shown, textOf } from "./text.ts";

/** With the values that nobody has to wait for. They are the device's memory, so show them before anything else is done. */
export function shownOf(tensor: Tensor): Shown {
  return shown(tensor, isUsable(tensor) ? tensor.device.peek(tensor.buffer, tensor.dtype, tensor.size) : undefined);
}

/** What a notebook takes, by kinds of media. Waits for values that are not at hand. */
export async function displayOf(tensor: Tensor): Promise<Record<string, string>> {
  let what = shownOf(tensor);
  if (!what.data && isUsable(tensor) && tensor.device.kind !== "dry") what = shown(tensor, await tensor.data());
  return { "text/plain": textOf(what), "text/html": htmlOf(what) };
}

const isUsable = ({ disposed, device }: Tensor) => !disposed && !device.destroyed;

function shown(tensor: Tensor, data: TensorData | undefined): Shown {
  const { dtype, shape, disposed, device: { kind, destroyed } } = tensor;
  const what = { name: tensor.constructor.name, dtype, shape, data };
  if (disposed) return { ...what, place: "that was disposed of" };
  if (destroyed) return { ...what, place: `on ${kind}, which was destroyed` };
  const advice = kind === "dry" ? "a dry run computes no values" : "await its toArray() or data() for the values";
  return { ...what, place: `on ${kind}`, advice };
}
