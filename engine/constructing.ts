/**
 * Which modules are being constructed just now. JavaScript tells a base class when a construction begins, never when it is
 * over, but V8 tells whether a function is running: `Error.captureStackTrace` leaves a trace of what is below it, and an
 * empty one where it is not on the stack. Where an engine does not tell, nothing is taken to be under construction.
 */

interface Construction {
  readonly id: number;
  readonly type: NewableFunction;
}

/** The part of V8's `Error` that is used here. */
interface StackTraces {
  stackTraceLimit?: number;
  prepareStackTrace?: (error: unknown, frames: readonly unknown[]) => unknown;
  captureStackTrace?(target: object, below: NewableFunction): void;
}

/** The innermost last. What is finished is found to be so, and removed, by whoever asks next. */
const constructions: Construction[] = [];
let constructed = 0;

/** Notes that the construction of a module of this class begins; gives it a number. */
export function beginConstruction(type: NewableFunction): number {
  // The base constructor of a second module runs below its class, so that asking would find the class of a finished
  // sibling running. A module that is made inside one of its own class is therefore taken for a sibling.
  const isSibling = ({ type: last }: Construction) => type === last || type.prototype instanceof last;
  dropFinished(isSibling);
  constructions.push({ id: ++constructed, type });
  return constructed;
}

/** The numbers of the modules that are being constructed. */
export function modulesUnderConstruction(): readonly number[] {
  dropFinished(() => false);
  return constructions.map(({ id }) => id);
}

function dropFinished(isOver: (last: Construction) => boolean): void {
  for (let last = constructions.at(-1); last; last = constructions.at(-1)) {
    if (!isOver(last) && isRunning(last.type)) return;
    constructions.pop();
  }
}

function isRunning(type: NewableFunction): boolean {
  const traces = Error as unknown as StackTraces; // V8 has them, other engines may not
  const { stackTraceLimit, prepareStackTrace } = traces;
  const trace: { readonly stack?: unknown } = {};
  try {
    traces.stackTraceLimit = 1;
    traces.prepareStackTrace = (_, frames) => frames.length;
    traces.captureStackTrace?.(trace, type);
    return trace.stack === 1;
  } catch {
    return false; // `Error` is frozen here
  } finally {
    restore(traces, { stackTraceLimit, prepareStackTrace });
  }
}

function restore(traces: StackTraces, before: Pick<StackTraces, "stackTraceLimit" | "prepareStackTrace">): void {
  try {
    Object.assign(traces, before);
  } catch {
    // Frozen: nothing was changed.
  }
}
