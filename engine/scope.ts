/**
 * Memory by scopes. `using step = scope();` around a training step: whatever is made inside and not kept dies at the
 * closing brace, also after an `await` and on a throw. Model code never disposes of anything, and nothing is left to
 * the garbage collector, which cannot see a GPU's memory.
 *
 * Scopes form one stack, so run one training or inference loop at a time per thread, or await them in turn.
 */

import { current, finished, within } from "./context.ts";
import { ScopeError } from "./errors.ts";

/** What a scope can own. */
export interface Disposes {
  /** Gives up what it holds; a second call does nothing. */
  dispose(): void;
}

/** Owns what is made while it is the innermost one, and disposes of it at its end. */
export class Scope implements Disposable {
  readonly #parent: Scope | undefined;
  readonly #owned = new Set<Disposes>();
  #open = true;

  /** Use `scope()`. */
  constructor() {
    this.#parent = current.scope;
    current.scope = this;
  }

  /** Registers something to die with the scope. */
  own(item: Disposes): void {
    this.#owned.add(item);
  }

  /** No longer this scope's: it now belongs to whoever calls. */
  release(item: Disposes): void {
    this.#owned.delete(item);
  }

  /** Hands something on to the enclosing scope (to nobody, if this is the outermost), and returns it. */
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
   * @throws {ScopeError} where an inner scope is still open
   */
  [Symbol.dispose](): void {
    if (!this.#open) return;
    if (current.scope !== this) {
      throw new ScopeError("scope: expected scopes to close innermost first; two loops share a thread");
    }
    this.#open = false;
    current.scope = this.#parent;
    for (const item of this.#owned) item.dispose();
    this.#owned.clear();
  }
}

/** Opens a scope: `using step = scope();`. */
export function scope(): Scope {
  return new Scope();
}

/** The innermost open scope. */
export function currentScope(): Scope | undefined {
  return current.scope;
}

/** Runs the function as if no scope were open: what it makes lives until it is disposed of. */
export function outsideScopes<T>(run: () => T): T {
  return within({ scope: undefined }, run);
}

/**
 * Runs the function in a scope of its own, which it is given. The scope closes when the function has returned or thrown or,
 * where it gives a promise, when that has settled. It is `using inner = scope();` for code that Node reads before 24.
 */
export function scoped<T>(run: (inner: Scope) => T): T {
  const inner = scope();
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
    result = run(inner);
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
 */
export function tidy<T extends Disposes | readonly Disposes[]>(run: () => T): T {
  return scoped((inner) => {
    const result = finished("tidy", run());
    for (const item of Array.isArray(result) ? result : [result]) inner.keep(item);
    return result;
  });
}
