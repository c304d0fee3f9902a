/** How a verb's command line is explained: its help, and what does not fit into it in one line with what was expected. */
import type { Argument, Command, CommanderError, Option } from "commander";
import { didYouMean } from "../../detector/config/mod.ts";

/** Makes the help of a verb say how it is called. Arguments and flags are declared already. */
export function explainUsage(command: Command): void {
  const parts = [...command.registeredArguments.map(nameOfArgument), "[flags]"];
  command
    .usage(parts.join(" "))
    .helpOption("-h, --help", "show this help")
    .configureHelp({
      commandUsage: () => `deno run -A cli.ts ${command.name()} ${command.usage()}`,
      optionDescription,
    });
}

function nameOfArgument(argument: Argument): string {
  const name = argument.name() + (argument.variadic ? "..." : "");
  return argument.required ? `<${name}>` : `[${name}]`;
}

function optionDescription({ description, defaultValue, negate }: Option): string {
  const isTold = defaultValue !== undefined && defaultValue !== "" && !negate;
  return isTold ? `${description} (default: ${defaultValue})` : description;
}

/** The parser's complaint about `args` as one line, with the nearest known flag where one is unknown. */
export function explainError(
  error: CommanderError,
  { command, args }: { readonly command: Command; readonly args: readonly string[] },
): string {
  const line = error.message.split("\n")[0].replace(/^error: /, "");
  const find = (pattern: RegExp) => pattern.exec(line)?.slice(1) ?? [];
  const [unknown] = error.code === "commander.missingMandatoryOptionValue"
    ? command.parseOptions([...args]).unknown // a flag that is missing may be there with a slip
    : find(/^unknown option '([^'=]+)/);
  if (unknown?.startsWith("-")) return unknownFlag(unknown, command);
  const [flags, value, reason] = find(/^option '(.+)' argument '(.*)' is invalid\. expected (.+)\.$/);
  if (flags !== undefined) return `expected ${longOf(flags)} to be ${reason} but found ${value}`;
  const [bare] = find(/^option '(.+)' argument missing$/);
  if (bare !== undefined) return `expected a value after ${longOf(bare)} but found none`;
  const [needed] = find(/^required option '(.+)' not specified$/);
  if (needed !== undefined) return `expected ${needed} but found none`;
  const [argument] = find(/^missing required argument '(.+)'$/);
  if (argument !== undefined) {
    const declared = command.registeredArguments.find((one) => one.name() === argument);
    return `expected ${declared ? nameOfArgument(declared) : argument} but found none; usage: ${command.name()} ` +
      command.usage();
  }
  const [most, found] = find(/^too many arguments.* Expected (\d+) arguments? but got (?:\d+): (.+)\.$/);
  if (most !== undefined) {
    const extra = found.split(", ").slice(Number(most)).join(" ");
    return `expected ${most === "0" ? "flags alone" : `no more than ${command.usage()}`} but found ${extra} as well`;
  }
  return line;
}

/** `--seed` of `--seed <n>`, `--config_file` of `-c, --config_file <name>`. */
const longOf = (flags: string) => /--[^\s<]+/.exec(flags)?.[0] ?? flags;

function unknownFlag(unknown: string, command: Command): string {
  const known = command.options.flatMap(({ long, short }) =>
    [long, short].filter((flag) => flag !== undefined && flag !== null)
  );
  const [name] = unknown.split("=");
  return `expected a known flag but found ${name}${didYouMean(name, known) || "; --help lists the flags"}`;
}
