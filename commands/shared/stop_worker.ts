/**
 * Listens for the same signals as `stop.ts`, in a thread that is never busy: a training step can keep the main thread
 * from hearing anything for a minute. Says at once that the first signal was heard, and ends the process shortly after a
 * second one unless the main thread has done so itself.
 */
import { sayStopping, STOP_SIGNALS } from "./stop_signals.ts";

/** Milliseconds that the main thread has to end the process in its own way. */
const GRACE = 500;

let heard = 0;
for (const name of STOP_SIGNALS) {
  Deno.addSignalListener(name, () => {
    heard++;
    if (heard === 1) sayStopping(name);
    // Files are replaced by renaming and locks of dead processes are taken over: this is what bundles are made to survive.
    if (heard === 2) setTimeout(endProcess, GRACE);
  });
}

function endProcess(): void {
  const { state } = Deno.permissions.querySync({ name: "run" });
  if (state === "granted") Deno.kill(Deno.pid, "SIGKILL"); // else the step ends first
}
