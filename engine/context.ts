/**
 * What is current while code runs, in one place: the scope that owns new tensors (`scope.ts`), whether ops leave nodes on the
 * tape (`autograd.ts`), the logs of drawn noise (`noise.ts`), the op that is running, by which a profile tells whose time
 * it is (`profile/`), and who is told of operations instead of running them (`capture.ts`). All are per thread and nest like
 * calls.
 */

import type { Capture } from "./captured_op.ts";
import { ArgumentError } from "./errors.ts";
import type { Scope } from "./scope.ts";

/** The log of a pass: the counters of what it drew, in order. */
export interface NoiseTape {
  /** A first pass adds to it, a repeated one reads it. */
  readonly log: number[];
  /** Where a repeated pass is in the log; undefined in a first pass. */
  at: number | undefined;
}

interface Context {
  /** The innermost open scope. */
  scope: Scope | undefined;
  /** Whether ops leave nodes on the tape. */
  recording: boolean;
  /** The passes under way that note or repeat what they draw, the outermost first. */
  noise: readonly NoiseTape[];
  /** The outermost op that runs, or whose gradient does; undefined between ops. */
  op: string | undefined;
  /** Is told of operations, which then do not run. */
  capture: Capture | undefined;
}

/** The context of this thread. Scopes change it as they open and close; `within` for the length of a call. */
export const current: Context = { scope: undefined, recording: true, noise: [], op: undefined, capture: undefined };

/** Runs a (synchronous) function with parts of the context replaced, and puts them back afterwards, also after a throw. */
export function within<T>(changes: Partial<Context>, run: () => T): T {
  const before: Partial<Context> = Object.fromEntries(
    Object.keys(changes).map((key) => [key, current[key as keyof Context]]), // the keys of a part of the context
  );
  Object.assign(current, changes);
  try {
    return run();
  } finally {
    Object.assign(current, before);
  }
}

/** Runs a part of an op under its name, unless it is itself a part of another. */
export function inOp<T>(name: string, run: () => T): T {
  if (current.op !== undefined) return run();
  current.op = name;
  try {
    return run();
  } finally {
    current.op = undefined;
  }
}

/**
 * What a function has returned, if it has returned at all: a promise means that it goes on when the context is another.
 * @throws {ArgumentError} for a promise
 */
export function finished<T>(what: string, result: T): T {
  if (!(result instanceof Promise)) return result;
  result.catch(() => {}); // there is an error to tell already
  throw new ArgumentError(`${what}: expected a synchronous function but found one that returns a promise`);
}
