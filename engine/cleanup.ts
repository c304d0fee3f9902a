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
