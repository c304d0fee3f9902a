/** From the names of another program to the official ones. A file is translated whole or refused. */
import { DinogradError } from "../../../engine/errors.ts";
import { quote } from "../../../checkpoint/quote.ts";
import type { NamedWeight, Weights } from "../named_weight.ts";
import { changed } from "./changed_values.ts";
import type { Layout } from "./layout.ts";
import { compileRules, type NameRule } from "./rules.ts";

/**
 * The weights under their official names, in the order of the file.
 * @throws {DinogradError} of kind "checkpoint" that names what is missing and what has no use
 */
export function translate(weights: Weights, layout: Layout, path: string): Weights {
  const backbone = layout.backbones.find(({ stem }) => weights.has(stem));
  if (backbone === undefined) {
    const other = [...weights.keys()].find((name) => name.startsWith("backbone.")) ?? "none";
    throw new DinogradError(
      "checkpoint",
      `${path}: expected a ResNet, Swin or ConvNeXt as the backbone in a model of ${layout.title} but found another (${
        other === "none" ? other : quote(other)
      })`,
    );
  }
  const counts = { layers: countOf(weights, layout.decoderLayer), outputs: countOf(weights, layout.output) };
  const rules = compileRules([...layout.rules, ...backbone.rules], counts);
  const { translated, useless, found } = apply(rules, { weights, layout, outputs: counts.outputs, path });
  const missing = missingNames(rules, found, counts.layers);
  if (missing.length + useless.length > 0) {
    const problems = [
      ...(missing.length > 0 ? [`none for ${listed(missing)}`] : []),
      ...(useless.length > 0 ? [`no use for ${listed(useless)}`] : []),
    ];
    throw new DinogradError(
      "checkpoint",
      `${path}: expected exactly the tensors of a DINO of ${layout.title} but found ${problems.join(", and ")}`,
    );
  }
  return translated;
}

/** Maps that a backbone has to give. */
const STAGES = 4;

/** How many names there are of a form, counted from 0. */
function countOf(weights: Weights, form: string): number {
  let count = 0;
  while (weights.has(form.replace("{n}", `${count}`))) count++;
  return count;
}

function apply(
  rules: readonly NameRule[],
  { weights, layout, outputs, path }: {
    readonly weights: Weights;
    readonly layout: Layout;
    readonly outputs: number;
    readonly path: string;
  },
) {
  const isIgnored = wildcards(layout.ignored);
  const translated = new Map<string, NamedWeight>();
  const fillers = new Map<string, NamedWeight>();
  const useless: string[] = [];
  const found = new Map<NameRule, Set<string>>();
  for (const [name, weight] of weights) {
    let isUsed = false;
    for (const rule of rules) {
      const numbers = rule.match(name);
      if (numbers === null) continue;
      isUsed = true;
      found.set(rule, (found.get(rule) ?? new Set()).add(`${numbers}`));
      const made = rule.values === undefined ? weight : changed(weight, rule.values);
      if (made === null) {
        throw new DinogradError("checkpoint", `${path}: expected another shape of ${name} than [${weight.shape}]`);
      }
      if (rule.values === "unused" && outputs === STAGES) continue;
      const into = rule.values === "zeros" || rule.values === "unused" ? fillers : translated;
      // One tensor that the file has under two names stays the first.
      for (const target of rule.targets(numbers)) if (!into.has(target)) into.set(target, made);
    }
    if (!isUsed && !isIgnored(name)) useless.push(name);
  }
  for (const [name, weight] of fillers) if (!translated.has(name)) translated.set(name, weight);
  return { translated, useless, found };
}

/** Names that a complete file would have: numbers go up from 0 without gaps, and all rules of a family have all of them. */
function missingNames(
  rules: readonly NameRule[],
  found: ReadonlyMap<NameRule, ReadonlySet<string>>,
  layers: number,
): string[] {
  const families = new Map<string, Set<string>>();
  for (const rule of rules) {
    if (rule.isOptional) continue;
    const all = families.get(rule.family) ?? new Set<string>();
    if (rule.isLayer) { for (let layer = 0; layer < layers; layer++) all.add(`${layer}`); }
    if (all.size === 0) all.add(Array<number>(rule.numbers).fill(0).join());
    for (const numbers of found.get(rule) ?? []) addWithLower(all, numbers);
    families.set(rule.family, all);
  }
  return rules.flatMap((rule) => {
    if (rule.isOptional) return [];
    const here = found.get(rule) ?? new Set();
    return [...families.get(rule.family) ?? []].filter((numbers) => !here.has(numbers)).map((numbers) =>
      rule.source(numbers === "" ? [] : numbers.split(",").map(Number))
    );
  });
}

/** A number and the one before it, so that a gap shows. */
function addWithLower(all: Set<string>, numbers: string): void {
  all.add(numbers);
  const parts = numbers.split(",").map(Number);
  const last = parts.pop() ?? 0;
  if (numbers !== "" && last > 0) all.add([...parts, last - 1].join());
}

function wildcards(patterns: readonly string[]): (name: string) => boolean {
  const expressions = patterns.map((pattern) =>
    new RegExp(`^${pattern.replaceAll(/[.+^${}()|[\]\\]/g, "\\$&").replaceAll("*", ".*")}$`, "s")
  );
  return (name) => expressions.some((expression) => expression.test(name));
}

/** How many names an error gives. */
const MOST_NAMES = 6;

function listed(names: readonly string[]): string {
  const shown = names.slice(0, MOST_NAMES).map(quote).join(", ");
  return names.length > MOST_NAMES ? `${shown} and ${names.length - MOST_NAMES} more` : shown;
}
