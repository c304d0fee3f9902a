/** Recipes as formulas: what a kernel over rows or columns computes, in a line per reduction and output. */
import type { Expr } from "../../engine/kernel/language/expr.ts";
import type { ColumnRecipe, OperandNames, RowRecipe } from "../../engine/kernel/language/recipes.ts";

const INFIX: Readonly<Record<string, string>> = { add: "+", sub: "-", mul: "*", div: "/", lt: "<", le: "<=" };
const STRENGTH: Readonly<Record<string, number>> = { lt: 1, le: 1, add: 2, sub: 2, mul: 3, div: 3 };

/** Names of operands where they have some, else numbers. */
export function operandNames({ inputs, scalars, names }: RowRecipe | ColumnRecipe, outputs: number): OperandNames {
  const numbered = (name: string, count: number) => Array.from({ length: count }, (_, i) => `${name}${i}`);
  return names ?? {
    buffers: [...numbered("input", inputs.length), ...numbered("output", outputs)],
    scalars: numbered("scalar", scalars),
  };
}

/** The name of each output of a row recipe: its own, or that of the input that it is written over. */
function outputNames(recipe: RowRecipe): string[] {
  const own = recipe.outputs.filter(({ into }) => into === undefined).length;
  const { buffers } = operandNames(recipe, own);
  let next = recipe.inputs.length;
  return recipe.outputs.map(({ into }) => into === undefined ? buffers[next++] : buffers[into]);
}

/** The formulas of a recipe. What is used several times has a line of its own. */
export function readingOf(recipe: RowRecipe | ColumnRecipe): string[] {
  if (recipe.kind === "column") {
    const reading = new Reading(operandNames(recipe, 1), []);
    const value = reading.text(recipe.value);
    return [...reading.takeLines(), `output = ${recipe.op} over the axis of ${value}`];
  }
  const outputs = outputNames(recipe);
  const reading = new Reading(operandNames(recipe, recipe.outputs.length), outputs);
  const lines: string[] = [];
  for (const { name, op, value, keep } of recipe.reductions) {
    const text = reading.text(value);
    const kept = keep === undefined ? "" : `, each kept in ${outputs[keep]}`;
    lines.push(...reading.takeLines(), `${name} = ${op} over the row of ${text}${kept}`);
  }
  const texts = recipe.outputs.map(({ value }) => reading.text(value));
  lines.push(...reading.takeLines());
  recipe.outputs.forEach(({ per, into }, i) => {
    const over = into === undefined ? "" : ", written over the input";
    lines.push(`${outputs[i]} = ${texts[i]}${per === "row" ? ", once per row" : ""}${over}`);
  });
  return lines;
}

class Reading {
  readonly #names: OperandNames;
  readonly #outputs: readonly string[];
  readonly #shared = new Map<Expr, string>();
  readonly #lines: string[] = [];

  constructor(names: OperandNames, outputs: readonly string[]) {
    this.#names = names;
    this.#outputs = outputs;
  }

  /** The lines for shared parts since the last call. */
  takeLines(): string[] {
    return this.#lines.splice(0);
  }

  text(expr: Expr): string {
    const uses = new Map<Expr, number>();
    count(expr, uses);
    return this.#print(expr, uses);
  }

  #print(expr: Expr, uses: ReadonlyMap<Expr, number>): string {
    const known = this.#shared.get(expr);
    if (known !== undefined) return known;
    const text = this.#node(expr, uses);
    if (expr.args.length === 0 || (uses.get(expr) ?? 0) < 2) return text;
    const name = `t${this.#shared.size + 1}`;
    this.#shared.set(expr, name);
    this.#lines.push(`${name} = ${text}`);
    return name;
  }

  #node(expr: Expr, uses: ReadonlyMap<Expr, number>): string {
    const { op, args, value, name } = expr;
    switch (op) {
      case "constant":
        return String(Number(value.toPrecision(9)));
      case "input":
        return this.#names.buffers[value];
      case "scalar":
        return this.#names.scalars[value];
      case "reduced":
        return name;
      case "kept":
        return this.#outputs[value];
      case "column":
        return "column";
      case "select": {
        const [condition, yes, no] = args.map((arg) => this.#print(arg, uses));
        return `(${condition} ? ${yes} : ${no})`;
      }
    }
    if (!INFIX[op]) return `${op}(${args.map((arg) => this.#print(arg, uses)).join(", ")})`;
    const operand = (arg: Expr, right: boolean) => {
      const text = this.#print(arg, uses);
      const inner = this.#shared.has(arg) ? undefined : STRENGTH[arg.op];
      const loose = inner !== undefined && (inner < STRENGTH[op] || (right && inner === STRENGTH[op]));
      return loose ? `(${text})` : text;
    };
    return `${operand(args[0], false)} ${INFIX[op]} ${operand(args[1], true)}`;
  }
}

/** How often each node is an operand. */
function count(expr: Expr, uses: Map<Expr, number>): void {
  const before = uses.get(expr) ?? 0;
  uses.set(expr, before + 1);
  if (before === 0) expr.args.forEach((arg) => count(arg, uses));
}
