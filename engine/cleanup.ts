/**
 * Cleaning up after work that may fail. With a plain `finally`, an error of the cleanup takes the place of the one that
 * matters: a full disk is reported as a file that could not be closed, an interruption as a lock that could not be removed.
 */

/**
 * Does `work` and then `cleanup`, whatever became of the work. Where the work fails that is the error to tell, also if the
 * cleanup fails too; where only the cleanup fails, `failed` is told, or that error is thrown.
 */
export async function withCleanup<T>(
  work: () => Promise<T>,
  cleanup: () => void | Promise<void>,
  failed?: (error: unknown) => void,
): Promise<T> {
  let result: T;
  try {
    result = await work();
  } catch (error) {
    try {
      await cleanup();
    } catch {
      // Most likely a consequence of the first error.
    }
    throw error;
  }
  try {
    await cleanup();
  } catch (error) {
    if (!failed) throw error;
    failed(error);
  }
  return result;
}

/**
 * Works with a resource and disposes of it afterwards, as `withCleanup` does; null needs no disposing. It is
 * `await using held = resource;` for code that Node reads before 24.
 */
export async function holding<R extends AsyncDisposable | Disposable | null, T>(
  resource: R,
  work: (held: R) => T | Promise<T>,
): Promise<T> {
  return await withCleanup(async () => await work(resource), async () => {
    if (resource === null) return;
    if (Symbol.asyncDispose in resource) await resource[Symbol.asyncDispose]();
    else resource[Symbol.dispose]();
  });
}

/** What was opened one after another, to be closed together: the last first, each once, also where one of them fails. */
export class Opened implements AsyncDisposable {
  readonly #cleanups: (() => void | Promise<void>)[] = [];

  /** Adds a resource, and returns it. */
  use<R extends AsyncDisposable>(resource: R): R {
    this.defer(async () => await resource[Symbol.asyncDispose]());
    return resource;
  }

  /** Adds something to be done. */
  defer(cleanup: () => void | Promise<void>): void {
    this.#cleanups.push(cleanup);
  }

  /** Closes all. @throws the first error of a cleanup, after the others have been done */
  async [Symbol.asyncDispose](): Promise<void> {
    const cleanup = this.#cleanups.pop();
    if (cleanup) await withCleanup(async () => await cleanup(), () => this[Symbol.asyncDispose]());
  }
}

/** Opens several things, which become its caller's; those that are open are closed where one of them fails. */
export async function opening<T>(open: (opened: Opened) => T | Promise<T>): Promise<T> {
  const opened = new Opened();
  try {
    return await open(opened);
  } catch (error) {
    await opened[Symbol.asyncDispose]().catch(() => {}); // the first error is the one to tell
    throw error;
  }
}
