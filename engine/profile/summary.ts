/** What a profile comes to, by op and kernel. */

import type { Command, ProfileUnit } from "./profiled_device.ts";

/** All commands of one op and kernel, as an average over units. */
interface ProfileLine {
  readonly op: string;
  readonly kernel: string;
  /** Milliseconds per unit. */
  readonly time: number;
  /** Calls per unit. */
  readonly launches: number;
  /** Bytes of operands per unit, each counted once per call. */
  readonly bytes: number;
  /** Floating-point operations per unit; 0 where they are not counted. */
  readonly flops: number;
}

/** Per unit, and averaged over all of them. */
export interface ProfileSummary {
  /** The slowest first. */
  readonly lines: readonly ProfileLine[];
  /** Milliseconds from the beginning of a unit to its end. */
  readonly time: number;
  /** Milliseconds in commands; what is left of `time` was spent between them. */
  readonly inCommands: number;
  /** How often a unit waited for numbers of the device: downloads that were under way together count as one. */
  readonly drains: number;
}

/** The time of a command: the device's own where it is known. */
const timeOf = ({ deviceTime, hostTime }: Command): number => deviceTime ?? hostTime;

/** Sums up units, at least one. */
export function summarize(units: readonly ProfileUnit[]): ProfileSummary {
  const lines = new Map<
    string,
    { op: string; kernel: string; time: number; launches: number; bytes: number; flops: number }
  >();
  for (const command of units.flatMap(({ commands }) => commands)) {
    const { op, kernel, bytes, flops } = command;
    const key = `${op}\n${kernel}`;
    const line = lines.get(key) ?? { op, kernel, time: 0, launches: 0, bytes: 0, flops: 0 };
    lines.set(key, line);
    line.time += timeOf(command);
    line.launches++;
    line.bytes += bytes;
    line.flops += flops;
  }
  const perUnit = (sum: number) => sum / units.length;
  const average = [...lines.values()].map((line): ProfileLine => ({
    ...line,
    time: perUnit(line.time),
    launches: perUnit(line.launches),
    bytes: perUnit(line.bytes),
    flops: perUnit(line.flops),
  }));
  return {
    lines: average.sort((a, b) => b.time - a.time),
    time: perUnit(units.reduce((sum, { start, end }) => sum + end - start, 0)),
    inCommands: average.reduce((sum, { time }) => sum + time, 0),
    drains: perUnit(units.reduce((sum, unit) => sum + drainsOf(unit), 0)),
  };
}

/** Downloads that overlap in time are one wait. */
function drainsOf({ commands }: ProfileUnit): number {
  const downloads = commands.filter(({ kind }) => kind === "download");
  let until = -Infinity;
  let count = 0;
  for (const { start, hostTime } of downloads) {
    if (start > until) count++;
    until = Math.max(until, start + hostTime);
  }
  return count;
}
