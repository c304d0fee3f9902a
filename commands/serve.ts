/** `serve`: detects in pictures that come over HTTP, and shows a page to try it. */
import type { Command } from "commander";
import {
  addComputeFlags,
  addConfigFlags,
  type ConfigFlags,
  integerFlag,
  numberFlag,
  UnfitValue,
  type Verb,
} from "./shared/command.ts";
import { chooseConfig } from "./shared/config_choice.ts";
import { addDetectorFlags, type DetectorFlags, detectorOptions } from "./shared/detector_flags.ts";

interface ServeFlags extends ConfigFlags, DetectorFlags {
  readonly port: number;
  readonly hostname: string;
  readonly max_upload: number;
  readonly queue: number;
  readonly timeout: number;
  readonly allow_origin?: readonly string[];
  readonly json?: true;
}

/** Pixels of a picture: those of a large camera. A file of some kilobytes can claim more. */
const MAX_IMAGE_PIXELS = 50_000_000;
const MEGABYTE = 1_000_000;
/** Milliseconds that an upload may take. */
const UPLOAD_TIME = 30_000;

function originFlag(text: string, list: readonly string[] = []): readonly string[] {
  if (text !== "*" && URL.parse(text)?.origin !== text) {
    throw new UnfitValue("an origin such as https://example.org, or *");
  }
  return [...list, text];
}

export const serveVerb: Verb<ServeFlags> = {
  define(command: Command): void {
    addDetectorFlags(command);
    command
      .option("--port <n>", "where to listen; 0 for any free port", integerFlag({ min: 0, max: 65_535 }), 8000)
      .option(
        "--hostname <address>",
        "whose requests to take: 127.0.0.1 for this machine's, 0.0.0.0 for all",
        "127.0.0.1",
      )
      .option("--max_upload <megabytes>", "larger requests are refused", numberFlag({ min: 0.001, max: 2000 }), 32)
      .option("--queue <n>", "requests that may wait; more are sent away", integerFlag({ min: 0, max: 1000 }), 8)
      .option(
        "--timeout <seconds>",
        "an answer takes no longer, waiting included",
        numberFlag({ min: 0.1, max: 86_400 }),
        60,
      )
      .option("--allow_origin <origin...>", "pages of these origins may use it from a browser; * for all", originFlag)
      .option("--json", "print where it listens as JSON");
    addConfigFlags(command);
    addComputeFlags(command, { maxImagePixels: MAX_IMAGE_PIXELS });
  },

  async run({ flags, terminal, given }): Promise<void> {
    const choice = detectorOptions(flags, { given, config: await chooseConfig(flags, terminal) });
    const { checkpointOrDefault, findCheckpoint } = await import("../detector/zoo/mod.ts");
    const options = { ...choice, checkpoint: checkpointOrDefault(choice.checkpoint, terminal) };
    await findCheckpoint(options.checkpoint, { offline: options.offline, ui: terminal }); // here, where progress is shown
    const { Handler, isLoopbackName } = await import("./serve/handler.ts");
    const { ModelThread } = await import("./serve/model_thread.ts");
    const { listen } = await import("./serve/listen.ts");
    using model = await ModelThread.load(options);
    for (const line of model.description.warnings) terminal.warn(line);
    for (const line of model.description.said) terminal.say(line);
    const handler = await Handler.make(model, {
      name: options.checkpoint.slice(options.checkpoint.lastIndexOf("/") + 1),
      threshold: options.threshold,
      maxImagePixels: options.maxImagePixels,
      upload: { bytes: Math.round(flags.max_upload * MEGABYTE), milliseconds: UPLOAD_TIME },
      queue: flags.queue,
      milliseconds: flags.timeout * 1000,
      isLoopback: isLoopbackName(flags.hostname),
      allowedOrigins: flags.allow_origin ?? [],
      log: (line) => terminal.say(line),
    });
    const server = listen(handler, flags);
    if (!isLoopbackName(flags.hostname)) {
      terminal.warn(`anybody who reaches ${flags.hostname} may use it: there is no password (docs/serve.md)`);
    }
    if (flags.json) terminal.json({ url: server.url });
    terminal.say(`${server.url} shows a page to try it, POST ${server.url}detect takes pictures; Ctrl-C stops`);
    await stopped(terminal.stop);
    if (handler.pending > 0) terminal.say(`${handler.pending} requests are answered first`);
    await server.stop();
  },
};

function stopped(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
