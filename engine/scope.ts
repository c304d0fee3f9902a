/**
 * Memory by scopes. `using step = scope();` around a training step: whatever is made inside and not kept dies at the
 * closing brace, also after an `await` and on a throw. Model code never disposes of anything, and nothing is left to
 * the garbage collector, which cannot see a GPU's memory.
 *
 * The scopes that `scope` opens form one stack, and an `await` changes nothing about that: one task at a time can have
 * such scopes open while it waits. `scoped` is for tasks that take turns. Its scope is no part of the stack but the innermost
 * one in each part of the task: until its first `await`, and then in what it gives to `run`. (Where platforms follow a task
 * through its awaits, as Node does and browsers do not, this could be done behind the back of whoever writes it.)
 */

import { current, finished, within } from "./context.ts";
import { ScopeError } from "./errors.ts";

/**
 * What a scope can own.
 *
 * @category Memory
 */
export interface Disposes {
  /** Gives up what it holds; a second call does nothing. */
  dispose(): void;
}

/**
 * Owns what is made while it is the innermost one, and disposes of it at its end.
 *
 * @category Memory
 */
export class Scope implements Disposable {
  #parent: Scope | undefined;
  readonly #isStacked: boolean;
  readonly #owned = new Set<Disposes>();
  #open = true;

  /** Use `scope()` or `scoped()`. Default of `isStacked`: true, the scope is the innermost one until it closes. */
  constructor({ isStacked = true }: { readonly isStacked?: boolean } = {}) {
    this.#parent = current.scope;
    this.#isStacked = isStacked;
    if (isStacked) current.scope = this;
  }

  /**
   * Runs a part of a task with this scope as the innermost one. An asynchronous function is in the scope until its first
   * `await`; what it makes later, it makes in `run` again.
   * @throws {ScopeError} where the scope is closed, or the part leaves one open that `scope` has opened
   */
  run<T>(part: () => T): T {
    if (!this.#open) throw new ScopeError("scope: expected an open scope to run in but it is closed");
    const before = current.scope;
    current.scope = this;
    let result: T;
    let isLeftOpen = false;
    try {
      result = part();
      isLeftOpen = current.scope !== this;
    } finally {
      current.scope = before;
    }
    if (!isLeftOpen) return result;
    if (result instanceof Promise) result.catch(() => {}); // there is an error to tell already
    throw new ScopeError("scope: expected no scope left open by a part of a task but found one; scoped() opens one");
  }

  /**
   * Registers something to die with the scope.
   * @throws {ScopeError} where the scope is closed; then the item is disposed of
   */
  own(item: Disposes): void {
    if (this.#open) return void this.#owned.add(item);
    item.dispose();
    throw new ScopeError(
      "scope: expected an open scope for what is made in it but it is closed: await its tasks first",
    );
  }

  /** No longer this scope's: it now belongs to whoever calls. */
  release(item: Disposes): void {
    this.#owned.delete(item);
  }

  /**
   * Hands something on to the enclosing scope (to nobody, if this is the outermost), and returns it.
   * @throws {ScopeError} where the enclosing scope has closed; then the item is disposed of
   */
  keep<T extends Disposes>(item: T): T {
    if (this.#owned.delete(item)) this.#parent?.own(item);
    return item;
  }

  /** Forgets an item in this scope and all enclosing ones: it lives until it is disposed of by hand. */
  forget(item: Disposes): void {
    // deno-lint-ignore no-this-alias -- a walk outwards has to start somewhere
    for (let at: Scope | undefined = this; at; at = at.#parent) if (at.#owned.delete(item)) return;
  }

  /** How many items would die now. */
  get size(): number {
    return this.#owned.size;
  }

  /**
   * Closes the scope: disposes of what it still owns.
   * @throws {ScopeError} where one that was opened later is still open: what is in between may be another task's
   */
  [Symbol.dispose](): void {
    if (!this.#open) return;
    this.#open = false;
    const isInnermost = !this.#isStacked || current.scope === this;
    if (this.#isStacked) this.#leaveStack();
    for (const item of this.#owned) item.dispose();
    this.#owned.clear();
    if (isInnermost) return;
    throw new ScopeError(
      "scope: expected scopes to close innermost first but found one still open: tasks that take turns at their awaits " +
        "need scoped() and its run() instead of scope()",
    );
  }

  /** What was opened in it belongs to its parent from now on. */
  #leaveStack(): void {
    if (current.scope === this) {
      current.scope = this.#parent;
      return;
    }
    for (let at = current.scope; at; at = at.#parent) if (at.#parent === this) at.#parent = this.#parent;
  }
}

/**
 * Opens a scope: `using step = scope();`.
 *
 * @category Memory
 */
export function scope(): Scope {
  return new Scope();
}

/**
 * The innermost open scope.
 *
 * @category Memory
 */
export function currentScope(): Scope | undefined {
  return current.scope;
}

/** Runs the function as if no scope were open: what it makes lives until it is disposed of. */
export function outsideScopes<T>(run: () => T): T {
  return within({ scope: undefined }, run);
}

/**
 * Runs the function in a scope of its own, which it is given. The scope closes when the function has returned or thrown or,
 * where it gives a promise, when that has settled. An asynchronous function is in the scope until its first `await`, and
 * makes what it makes later in `inner.run(() => …)`: then any number of such tasks can take turns.
 *
 * ```ts
 * import { createCpuDevice, scoped, tensor } from "@dinograd/dinograd/engine";
 *
 * const device = await createCpuDevice();
 * const sumOfSquares = (numbers: number[]) =>
 *   scoped(async (inner) => {
 *     const x = tensor(device, numbers);
 *     const largest = await x.max(0).item();
 *     const scaled = inner.run(() => x.div(largest)); // after an await
 *     return await inner.run(() => scaled.square().sum()).item();
 *   });
 * console.log(await Promise.all([sumOfSquares([1, 2]), sumOfSquares([4, 4])])); // [ 1.25, 2 ]
 * await device.destroy();
 * ```
 *
 * @throws {ScopeError} where the function leaves a scope open that `scope` has opened
 * @category Memory
 */
export function scoped<T>(run: (inner: Scope) => T): T {
  const inner = new Scope({ isStacked: false });
  const close = () => inner[Symbol.dispose]();
  const abandon = (error: unknown): never => {
    try {
      close();
    } catch {
      // The first error is the one to tell.
    }
    throw error;
  };
  let result: T;
  try {
    result = inner.run(() => run(inner));
  } catch (error) {
    return abandon(error);
  }
  // What such a promise gives has the type of what the first one gave.
  if (result instanceof Promise) return result.then((value) => (close(), value), abandon) as T;
  close();
  return result;
}

/**
 * Runs the function in a scope of its own and keeps only the tensors it returns.
 * @throws {ArgumentError} where the function is asynchronous: its tensors would be gone before it uses them
 * @category Memory
 */
export function tidy<T extends Disposes | readonly Disposes[]>(run: () => T): T {
  return scoped((inner) => {
    const result = finished("tidy", run());
    for (const item of Array.isArray(result) ? result : [result]) inner.keep(item);
    return result;
  });
}
