/** `train` in a process of its own, on a data set and a model that are as small as they can be. */
import { fromFileUrl } from "@std/path";
import { type DinoConfig, formatJsonConfig } from "../../detector/config/mod.ts";
import { type CliResult, runCli } from "./run_cli.ts";
import { tinyTrainingConfig, writeTinyCoco } from "./tiny_training.ts";
import { inFolder } from "./in_folder.ts";

const CLI = fromFileUrl(new URL("../../cli.ts", import.meta.url));

/** A process whose words can be waited for. */
export class CliProcess {
  readonly #child: Deno.ChildProcess;
  readonly #reading: Promise<unknown>;
  readonly #waiting: { readonly pattern: RegExp; readonly resolve: () => void }[] = [];
  #stdout = "";
  #stderr = "";

  /**
   * `prefix`: shell words in front of the command, such as a limit. `permissions`: instead of all; nobody is asked for
   * more.
   */
  constructor(
    args: readonly string[],
    { prefix = "", permissions }: { readonly prefix?: string; readonly permissions?: readonly string[] } = {},
  ) {
    const command = prefix === "" ? [Deno.execPath()] : ["bash", "-c", `${prefix} exec "$0" "$@"`, Deno.execPath()];
    const [program, ...first] = command;
    this.#child = new Deno.Command(program, {
      args: [...first, "run", ...(permissions ? ["--no-prompt", ...permissions] : ["-A"]), "--no-check", CLI, ...args],
      env: { NO_COLOR: "1", DINOGRAD_DEBUG: "" },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const read = async (stream: ReadableStream<Uint8Array>, add: (text: string) => void) => {
      const decoder = new TextDecoder();
      for await (const bytes of stream) {
        add(decoder.decode(bytes, { stream: true }));
        this.#notice();
      }
    };
    this.#reading = Promise.all([
      read(this.#child.stdout, (text) => this.#stdout += text),
      read(this.#child.stderr, (text) => this.#stderr += text),
    ]).then(() => this.#notice(true));
  }

  /** What was printed so far, on both streams. */
  get text(): string {
    return this.#stdout + this.#stderr;
  }

  /** Resolves when the pattern has been printed, on either stream, or when the process has ended. */
  said(pattern: RegExp): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push({ pattern, resolve });
      this.#notice();
    });
  }

  /** Sends a signal; nothing happens if the process has ended. */
  signal(name: Deno.Signal): void {
    try {
      this.#child.kill(name);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // "Child process has already terminated"
    }
  }

  async finish(): Promise<CliResult> {
    const [{ code }] = await Promise.all([this.#child.status, this.#reading]);
    return { code, stdout: this.#stdout, stderr: this.#stderr };
  }

  #notice(ended = false): void {
    const text = this.#stdout + this.#stderr;
    const heard = this.#waiting.filter(({ pattern }) => ended || pattern.test(text));
    for (const one of heard) {
      this.#waiting.splice(this.#waiting.indexOf(one), 1);
      one.resolve();
    }
  }
}

export interface TinyCliRun {
  /** For outputs. */
  readonly folder: string;
  readonly cocoPath: string;
  /** The command line of a training into `folder/name`. */
  train(name: string, ...more: string[]): string[];
  /** Runs it to its end. */
  run(name: string, ...more: string[]): Promise<CliResult>;
  /** The SHA-256 that `inspect --digest` prints last. */
  digest(name: string): Promise<string>;
}

/** Sets up a data set and a configuration in a temporary folder. */
export async function withTinyCliRun(
  body: (setup: TinyCliRun) => Promise<void>,
  changes: Partial<DinoConfig> = {},
): Promise<void> {
  await inFolder(async (folder) => {
    const cocoPath = await writeTinyCoco(`${folder}/coco`);
    await Deno.writeTextFile(`${folder}/config.json`, formatJsonConfig(tinyTrainingConfig(changes)));
    const train = (name: string, ...more: string[]) => [
      ...["train", "-c", `${folder}/config.json`, "--coco_path", cocoPath, "--output_dir", `${folder}/${name}`],
      ...["--device", "cpu", "--threads", "1", "--num_workers", "0", "--no-plots", ...more],
    ];
    await body({
      folder,
      cocoPath,
      train,
      run: (name, ...more) => runCli(train(name, ...more)),
      digest: async (name) => {
        const { stdout } = await runCli(["inspect", `${folder}/${name}/checkpoint.dino`, "--digest"]);
        return stdout.trimEnd().split("\n").at(-1) ?? "";
      },
    });
  });
}
