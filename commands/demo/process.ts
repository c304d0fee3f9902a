/** Another command line of dinograd as a child process that speaks to the same terminal and dies with its parent. */
import { fromFileUrl } from "@std/path";
import { DinogradError } from "../../engine/errors.ts";

/** Milliseconds between looks at what a child has done. */
const POLL = 50;

export class DemoProcess {
  readonly #child: Deno.ChildProcess;
  readonly #stop: AbortSignal;
  #status: Deno.CommandStatus | undefined;

  constructor(args: readonly string[], stop: AbortSignal) {
    // The command line that this process was started with. A published package is run from its address.
    const { mainModule } = Deno;
    const cli = mainModule.startsWith("file:") ? fromFileUrl(mainModule) : mainModule;
    this.#stop = stop;
    this.#child = new Deno.Command(Deno.execPath(), { args: ["run", "-A", cli, ...args], stdin: "null" }).spawn();
    this.#child.status.then((status) => this.#status = status);
  }

  /** Waits for the child's end. @throws DinogradError of kind "interrupted" if the user asked to stop */
  async ended(): Promise<Deno.CommandStatus> {
    const status = await this.#child.status;
    this.#checkStop();
    return status;
  }

  /** Waits until something has happened, or the child has ended. */
  async waitUntil(happened: () => Promise<boolean>): Promise<void> {
    while (this.#status === undefined && !await happened()) {
      await new Promise((resolve) => setTimeout(resolve, POLL));
      this.#checkStop();
    }
  }

  /** Sends a signal if the child still runs, and waits for its end. */
  async kill(signal: Deno.Signal): Promise<Deno.CommandStatus> {
    if (this.#status === undefined) this.#child.kill(signal);
    return await this.ended();
  }

  /** Ctrl-C in a terminal reaches the child as well; a signal to the parent alone must be passed on. */
  #checkStop(): void {
    if (!this.#stop.aborted) return;
    if (this.#status === undefined) this.#child.kill("SIGTERM");
    throw new DinogradError("interrupted", "demo: interrupted");
  }
}
