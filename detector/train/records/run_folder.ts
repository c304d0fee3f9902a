/**
 * The output folder of a run, which it holds locked from its start to its end. A folder that is removed in mid-run is made
 * again, so that nothing of the state is lost; one that another run may be writing is left alone.
 */

import { type FolderLock, LockError, lockFolder } from "../../../checkpoint/mod.ts";
import type { RunUi } from "../../config/mod.ts";
import { runFiles } from "../../logs/run_files.ts";
import type { FolderOwner } from "./saver.ts";

export class RunFolder implements FolderOwner {
  readonly #path: string;
  readonly #ui: RunUi;
  #made: readonly string[];
  #lock: FolderLock;
  /** Called when the folder had to be made again, and is empty. */
  onMadeAgain: () => void = () => {};

  private constructor(
    path: string,
    { ui, made, lock }: { readonly ui: RunUi; readonly made: readonly string[]; readonly lock: FolderLock },
  ) {
    this.#path = path;
    this.#made = made;
    this.#ui = ui;
    this.#lock = lock;
  }

  /**
   * Makes the folder, unless it is there, and locks it.
   * @throws LockError if another run is writing it
   */
  static async open(path: string, ui: RunUi): Promise<RunFolder> {
    const made = runFiles.makeFolder(path);
    try {
      return new RunFolder(path, { ui, made, lock: await lock(path, ui) });
    } catch (error) {
      runFiles.removeEmpty(made);
      throw error;
    }
  }

  async prepare(): Promise<void> {
    if (await this.#lock.isHeld()) return;
    if (!await this.#lock.isFolderGone()) return await this.#lock.requireHeld();
    const made = runFiles.makeFolder(this.#path);
    const renewed = await lock(this.#path, this.#ui);
    const bundle = runFiles.list(this.#path).find((name) => name.endsWith(".dino"));
    if (bundle !== undefined) {
      await renewed.release();
      throw new LockError(
        `${this.#path}: expected the folder of this run but found another in its place, with ${bundle} in it; nothing was written into it`,
      );
    }
    await this.#lock.release(); // what it locked has no name any more
    this.#lock = renewed;
    this.#made = made;
    this.#ui.warn(
      `${this.#path}: the folder was removed while this run was writing it, with all that it held; it was made again, and the run continues`,
    );
    this.onMadeAgain();
  }

  async requireHeld(): Promise<void> {
    if (await this.#lock.isHeld()) return;
    if (await this.#lock.isFolderGone()) {
      throw Object.assign(new Error(`${this.#path}: the folder is gone`), { code: "ENOENT" });
    }
    await this.#lock.requireHeld();
  }

  /** Gives the lock up, and leaves nothing behind of a start that failed; never throws. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#lock.release();
    runFiles.removeEmpty(this.#made);
  }
}

async function lock(path: string, ui: RunUi): Promise<FolderLock> {
  const made = await lockFolder(path, { warn: (line) => ui.warn(line) });
  if (made.message !== null) ui.say(made.message);
  return made;
}
