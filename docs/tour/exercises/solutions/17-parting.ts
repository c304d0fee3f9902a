import type { Line } from "../17-parting.ts";

export function parting(a: readonly Line[], b: readonly Line[]): number | undefined {
  const other = new Map(b.map(({ step, loss }) => [step, loss]));
  return a.find(({ step, loss }) => other.has(step) && !Object.is(other.get(step), loss))?.step;
}
