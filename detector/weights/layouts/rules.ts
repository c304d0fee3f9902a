/** Rules of a layout, compiled: each alternative of a rule is one exact name with numbers in it. */
import type { Rule, ValueChange } from "./layout.ts";

/** What numbers of a file's names mean. */
interface Counts {
  /** Layers of the decoder. */
  readonly layers: number;
  /** Maps that the backbone gives. */
  readonly outputs: number;
}

/** One alternative of a rule. */
export interface NameRule {
  /** The numbers in a name that this rule is about, in order; null for other names. */
  match(name: string): readonly number[] | null;
  /** The name that it would be about with these numbers. */
  source(numbers: readonly number[]): string;
  targets(numbers: readonly number[]): readonly string[];
  /** Rules of one family have the same numbers; without numbers it is the name. */
  readonly family: string;
  /** How many numbers a name has. */
  readonly numbers: number;
  /** Whether the last number is that of a decoder layer. */
  readonly isLayer: boolean;
  readonly values: ValueChange | undefined;
  readonly isOptional: boolean;
}

/** All alternatives of the rules. */
export function compileRules(rules: readonly Rule[], counts: Counts): NameRule[] {
  return rules.flatMap((rule) => {
    const targets = [rule.to].flat();
    const expanded = targets.map((to) => expand(to));
    return expand(rule.from).map(({ text, choice }) => {
      const to = expanded.map((all) => {
        const fitting = all.find((one) => `${one.choice}` === `${choice}`);
        if (fitting === undefined) throw new Error(`${rule.from}: expected the same lists in ${rule.to}`);
        return fitting.text;
      });
      return compile(text, { to, rule, counts });
    });
  });
}

/** Writes out lists such as `{a,b}`; `choice` is which of each list was taken. */
function expand(text: string): { readonly text: string; readonly choice: readonly number[] }[] {
  const list = /\{([^{}|]*,[^{}|]*)\}/.exec(text);
  if (list === null) return [{ text, choice: [] }];
  const rest = expand(text.slice(list.index + list[0].length));
  return list[1].split(",").flatMap((item, at) =>
    rest.map(({ text: after, choice }) => ({
      text: text.slice(0, list.index) + item + after,
      choice: [at, ...choice],
    }))
  );
}

function compile(
  from: string,
  { to, rule, counts }: { readonly to: readonly string[]; readonly rule: Rule; readonly counts: Counts },
): NameRule {
  const text = from.replace("{last}", `${counts.layers}`);
  const variables = [...text.matchAll(/\{(\w+)\}/g)].map(([, variable]) => variable);
  const isLayer = variables.at(-1) === "layer";
  const pattern = text.replaceAll(/[.+^$()[\]\\]/g, "\\$&")
    .replaceAll(/\{([^{}]*\|[^{}]*)\}/g, "(?:$1)").replaceAll(/\{\w+\}/g, "(\\d{1,4})");
  const expression = new RegExp(`^${pattern}$`);
  const fill = (template: string, numbers: readonly number[]) => {
    const known = new Map(variables.map((variable, at) => [variable, numbers[at]]));
    return template.replaceAll(/\{([^{}|]*)\|[^{}]*\}/g, "$1").replaceAll(
      /\{(outputs\+)?(\w+)\}/g,
      (_, plus: string | undefined, name: string) => `${(known.get(name) ?? 0) + (plus ? counts.outputs : 0)}`,
    );
  };
  const end = text.lastIndexOf("}.");
  return {
    match(name) {
      const found = expression.exec(name);
      if (found === null) return null;
      const numbers = found.slice(1).map(Number);
      return isLayer && (numbers.at(-1) ?? 0) >= counts.layers ? null : numbers;
    },
    source: (numbers) => fill(text, numbers),
    targets: (numbers) => to.map((target) => fill(target, numbers)),
    family: variables.length > 0 && end >= 0 ? text.slice(0, end + 1) : text,
    numbers: variables.length,
    isLayer,
    values: rule.values,
    isOptional: rule.optional === true,
  };
}
