/**
 * A profile as a trace that Perfetto (ui.perfetto.dev) and Chrome's `chrome://tracing` show, in the "trace event format": one
 * line of time for units, one for commands, one for a GPU where its times are known, and tensors' memory as a curve.
 */

import type { Command, ProfileUnit } from "./profiled_device.ts";

/** Times are in microseconds. */
type TraceEvent =
  | { ph: "M"; pid: 1; tid?: number; name: "process_name" | "thread_name"; args: { name: string } }
  | { ph: "X"; pid: 1; tid: number; name: string; cat: string; ts: number; dur: number; args?: Record<string, unknown> }
  | { ph: "C"; pid: 1; name: string; ts: number; args: Record<string, number> };

const UNITS = 1, COMMANDS = 2, GPU = 3;

/** The text of a trace file. `description` is of the device. */
export function formatTrace(units: readonly ProfileUnit[], description: string): string {
  const named = (tid: number, name: string): TraceEvent => ({
    ph: "M",
    pid: 1,
    tid,
    name: "thread_name",
    args: { name },
  });
  const hasGpu = units.some(({ commands }) => commands.some(({ deviceTime }) => deviceTime !== undefined));
  const events: TraceEvent[] = [
    { ph: "M", pid: 1, name: "process_name", args: { name: `dinograd on ${description}` } },
    named(UNITS, "units of work"),
    named(COMMANDS, hasGpu ? "commands, recorded by the host" : "commands"),
    ...(hasGpu ? [named(GPU, "GPU, one command behind the other")] : []),
    ...units.flatMap(eventsOf),
  ];
  // One event a line: long files stay readable.
  return `{"displayTimeUnit":"ms","traceEvents":[\n${events.map((event) => JSON.stringify(event)).join(",\n")}\n]}\n`;
}

function eventsOf({ name, start, end, commands }: ProfileUnit): TraceEvent[] {
  let onGpu = start;
  const unit: TraceEvent = {
    ph: "X",
    pid: 1,
    tid: UNITS,
    name,
    cat: "unit",
    ts: 1000 * start,
    dur: 1000 * (end - start),
  };
  return [
    unit,
    ...commands.flatMap((command): TraceEvent[] => {
      const { deviceTime, memory } = command;
      const events = [
        slice(command, { tid: COMMANDS, start: command.start, time: command.hostTime }),
        { ph: "C", pid: 1, name: "memory of tensors", ts: 1000 * command.start, args: { bytes: memory } } as const,
      ];
      if (deviceTime === undefined) return events;
      // A command cannot run before it is recorded, nor before the one ahead of it is over.
      const begin = Math.max(onGpu, command.start);
      onGpu = begin + deviceTime;
      return [...events, slice(command, { tid: GPU, start: begin, time: deviceTime })];
    }),
  ];
}

function slice(
  { kind, kernel, op, bytes, flops }: Command,
  { tid, start, time }: { readonly tid: number; readonly start: number; readonly time: number },
): TraceEvent {
  const rates = time > 0
    ? { "GB/s": rounded(bytes / time / 1e6), ...(flops > 0 ? { "GFLOP/s": rounded(flops / time / 1e6) } : {}) }
    : {};
  const args = { op, bytes, ...(flops > 0 ? { flops } : {}), ...rates };
  return { ph: "X", pid: 1, tid, name: kernel, cat: kind, ts: 1000 * start, dur: 1000 * time, args };
}

const rounded = (x: number): number => Math.round(100 * x) / 100;
