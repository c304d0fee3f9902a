/** `diff`: which tensors and states of two bundles differ, and by how much. */
import type { Command } from "commander";
import { type BundleDifference, diffBundles, excludeCircumstances, type StateDifference } from "../checkpoint/mod.ts";
import { refuseOtherFormats } from "./shared/any_checkpoint.ts";
import { describeValue, shortNumber, stateToJson } from "./shared/checkpoint_view.ts";
import type { Verb } from "./shared/command.ts";
import { EXIT_CODES } from "./shared/exit_codes.ts";
import type { Terminal } from "./shared/terminal.ts";

interface DiffFlags {
  readonly json?: true;
}

export const diffVerb: Verb<DiffFlags> = {
  define(command: Command): void {
    command
      .argument("<first>", "a bundle")
      .argument("<second>", "another")
      .option("--json", "print the differences as JSON, every place of long lists too");
  },

  async run({ args: [first, second], flags, terminal }): Promise<number> {
    await refuseOtherFormats([first, second], "diff");
    const difference = await diffBundles(first, second);
    // Times, hosts and threads may differ between equal trainings; the digest leaves them out too.
    const counts = difference.state.filter(({ path }) => !excludeCircumstances([path.split("/")[0]]));
    const equal = difference.onlyInFirst.length + difference.onlyInSecond.length + difference.otherKind.length +
        difference.tensors.length + counts.length === 0;
    if (flags.json) {
      const state = difference.state.map(({ path, first, second }) => ({
        path,
        first: first === undefined ? null : stateToJson(first),
        second: second === undefined ? null : stateToJson(second),
      }));
      terminal.json({ ...difference, equal, state });
    } else show(difference, terminal);
    if (!flags.json) {
      terminal.say(equal ? "the training states are equal, bit for bit" : "the training states differ");
    }
    return equal ? 0 : EXIT_CODES.verification;
  },
};

function show(difference: BundleDifference, terminal: Terminal): void {
  for (const name of difference.onlyInFirst) terminal.say(`only in the first: ${name}`);
  for (const name of difference.onlyInSecond) terminal.say(`only in the second: ${name}`);
  for (const line of difference.otherKind) terminal.say(`of another kind: ${line}`);
  if (difference.tensors.length > 0) {
    terminal.table(
      ["tensor", "differing", "of", "largest difference", "relative"],
      difference.tensors.map(({ name, count, elements, maxAbs, maxRelative }) => [
        name,
        count,
        elements,
        shortNumber(maxAbs),
        shortNumber(maxRelative),
      ]),
    );
  }
  if (difference.state.length > 0) {
    terminal.table(
      ["state", "first", "second"],
      summarized(difference.state).map((
        { path, first, second },
      ) => [path, describeValue(first), describeValue(second)]),
    );
  }
}

/** Places of one list that are shown one by one, and of one map. */
const MOST_ENTRIES = 3;
const MOST_KEYS = 20;

/**
 * The places where states differ, those of a long list (losses, history) or map (steps by parameter) as one line with the
 * first of them. Settings are shown one by one, however many.
 */
export function summarized(state: readonly StateDifference[]): StateDifference[] {
  const listOf = (path: string) => path.match(/^(.*?)\/\d+(?:\/|$)/)?.[1];
  const groupOf = (path: string) => listOf(path) ?? path.slice(0, Math.max(0, path.lastIndexOf("/")));
  const groups = Map.groupBy(state, ({ path }) => groupOf(path));
  return [...groups].flatMap(([group, entries]) => {
    const [first] = entries;
    const most = listOf(first.path) !== undefined ? MOST_ENTRIES : MOST_KEYS;
    if (entries.length <= most || group === "" || group === "config") return entries;
    return [{ ...first, path: `${group}: ${entries.length} places, the first ${first.path}` }];
  });
}
