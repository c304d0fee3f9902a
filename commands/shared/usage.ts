/** How a verb's command line is explained: its help, and what does not fit into it in one line with what was expected. */
import type { Argument, Command, CommanderError, Option } from "commander";
import { didYouMean } from "../../detector/config/mod.ts";
import { DinogradError } from "../../engine/errors.ts";
import { UnfitValue } from "./command.ts";

/** Makes the help of a verb say how it is called. Arguments and flags are declared already. */
export function explainUsage(command: Command): void {
  const parts = [...command.registeredArguments.map(nameOfArgument), "[flags]"];
  for (const option of command.options) tellUnfitValues(option, command.name());
  command
    .usage(parts.join(" "))
    .helpOption("-h, --help", "show this help")
    .configureHelp({
      commandUsage: () => `deno run -A cli.ts ${command.name()} ${command.usage()}`,
      optionDescription,
    });
}

/** Lets a flag's reader say what it expects: the message around that names the flag and the value. */
function tellUnfitValues(option: Option, verb: string): void {
  const read = option.parseArg;
  if (read === undefined) return;
  option.argParser((text: string, previous: unknown) => {
    try {
      return read(text, previous);
    } catch (error) {
      if (!(error instanceof UnfitValue)) throw error;
      throw new DinogradError("usage", `${verb}: expected ${option.long} to be ${error.expected} but found ${text}`);
    }
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
  const { registeredArguments: declared } = command;
  if (error.code === "commander.optionMissingArgument") {
    const bare = command.options.find(({ flags }) => error.message.includes(`'${flags}'`));
    return `expected a value after ${bare?.long ?? "a flag"} but found none`;
  }
  const { operands, unknown } = command.parseOptions([...args]);
  switch (error.code) {
    case "commander.unknownOption":
      return unknownFlag(unknown[0], command);
    case "commander.missingMandatoryOptionValue": {
      if (unknown[0]?.startsWith("-")) return unknownFlag(unknown[0], command); // it may be there, with a slip
      const needed = command.options.find((option) =>
        option.mandatory && command.getOptionValue(option.attributeName()) === undefined
      );
      return `expected ${needed?.flags ?? "a flag"} but found none`;
    }
    case "commander.missingArgument":
      return `expected ${nameOfArgument(declared[operands.length])} but found none; usage: ${command.name()} ` +
        command.usage();
    case "commander.excessArguments": {
      const most = declared.length === 0 ? "flags alone" : `no more than ${command.usage()}`;
      return `expected ${most} but found ${operands.slice(declared.length).join(" ")} as well`;
    }
    default:
      return error.message.split("\n")[0];
  }
}

function unknownFlag(unknown: string, command: Command): string {
  const known = command.options.flatMap(({ long, short }) =>
    [long, short].filter((flag) => flag !== undefined && flag !== null)
  );
  const [name] = unknown.split("=");
  return `expected a known flag but found ${name}${didYouMean(name, known) || "; --help lists the flags"}`;
}
