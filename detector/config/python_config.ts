/**
 * Reads the official `.py` config files without running them: assignments of literals, `dict(…)`, arithmetic on numbers,
 * and names assigned further up. Anything that would need an interpreter (imports, calls, conditions) is refused by line.
 */
import { DinogradError } from "../../engine/errors.ts";
import { type Token, tokenize } from "./python_tokens.ts";
import { type ConfigObject, configObject, type ConfigValue, isConfigList, isConfigObject, shown } from "./values.ts";

const CONSTANTS: ReadonlyMap<string, ConfigValue> = new Map<string, ConfigValue>([
  ["None", null],
  ["True", true],
  ["False", false],
]);
const MAX_DEPTH = 100;
/**
 * Values and characters that one value may hold, counted as often as they occur in it, and that a file may make in all:
 * far beyond any configuration, and few enough that `a = [a, a]` written forty times ends at once.
 */
const MOST_IN_VALUE = 100_000;
const MOST_IN_FILE = 2_000_000;

/**
 * The names a config file assigns, `_base_` included, names that start with two underscores left out.
 *
 * @param source names the file in errors.
 * @throws {DinogradError} of kind "usage" with the line of what cannot be read.
 * @category Configuration
 */
export function parsePythonConfig(text: string, source: string): ConfigObject {
  return new Parser(tokenize(text, source), source).file();
}

/**
 * One Python literal, as in `--options b=[1,2]`.
 * @throws {DinogradError} of kind "usage".
 */
export function parsePythonLiteral(text: string, source: string): ConfigValue {
  return new Parser(tokenize(text, source), source).only();
}

class Parser {
  readonly #tokens: readonly Token[];
  readonly #source: string;
  readonly #names = new Map<string, ConfigValue>();
  readonly #weights = new WeakMap<object, number>();
  #made = 0;
  #at = 0;
  #depth = 0;

  constructor(tokens: readonly Token[], source: string) {
    this.#tokens = tokens;
    this.#source = source;
  }

  file(): ConfigObject {
    while (this.#at < this.#tokens.length) this.#statement();
    return configObject([...this.#names].filter(([name]) => !name.startsWith("__")));
  }

  only(): ConfigValue {
    const value = this.#expressionList();
    if (this.#tokens[this.#at]?.kind === "end") this.#at++;
    if (this.#at < this.#tokens.length) this.#fail("the end of the value");
    return value;
  }

  #statement(): void {
    const first = this.#tokens[this.#at];
    if (first.kind === "string") { // a docstring
      this.#expressionList();
      return this.#end();
    }
    const targets: string[] = [];
    do {
      const name = this.#tokens[this.#at];
      if (name?.kind !== "name" || this.#tokens[this.#at + 1]?.text !== "=") {
        if (targets.length === 0) this.#fail("an assignment of a literal (config files are read, never run)");
        break;
      }
      targets.push(name.text);
      this.#at += 2;
    } while (this.#isAssignment());
    const value = this.#expressionList();
    for (const target of targets) this.#names.set(target, value);
    this.#end();
  }

  #isAssignment(): boolean {
    const next = this.#tokens[this.#at + 1];
    return this.#tokens[this.#at]?.kind === "name" && next?.kind === "operator" && next.text === "=";
  }

  #end(): void {
    if (this.#tokens[this.#at]?.kind !== "end") this.#fail("the end of the line");
    this.#at++;
  }

  /** Expressions with commas between them are a tuple even without parentheses. */
  #expressionList(): ConfigValue {
    const first = this.#sum();
    if (!this.#peek(",")) return first;
    const items = [first];
    while (this.#accept(",")) {
      if (this.#at >= this.#tokens.length || this.#tokens[this.#at].kind === "end") break;
      items.push(this.#sum());
    }
    return this.#weighed(items);
  }

  #sum(): ConfigValue {
    if (++this.#depth > MAX_DEPTH) this.#fail(`at most ${MAX_DEPTH} levels of nesting`);
    let left = this.#product();
    for (;;) {
      if (this.#accept("+")) {
        const right = this.#product();
        if (typeof left === "string" && typeof right === "string") left = this.#weighed(left + right);
        else if (isConfigList(left) && isConfigList(right)) left = this.#weighed([...left, ...right]);
        else left = this.#number(left) + this.#number(right);
      } else if (this.#accept("-")) left = this.#number(left) - this.#number(this.#product());
      else break;
    }
    this.#depth--;
    return left;
  }

  #product(): ConfigValue {
    let left = this.#unary();
    for (;;) {
      if (this.#accept("*")) {
        const right = this.#unary();
        left = isConfigList(left) ? this.#repeat(left, right) : this.#number(left) * this.#number(right);
      } else if (this.#accept("//")) left = Math.floor(this.#number(left) / this.#divisor(this.#unary()));
      else if (this.#accept("/")) left = this.#number(left) / this.#divisor(this.#unary());
      else if (this.#accept("%")) {
        const divisor = this.#divisor(this.#unary());
        left = this.#number(left) - divisor * Math.floor(this.#number(left) / divisor);
      } else return left;
    }
  }

  #unary(): ConfigValue {
    let sign = 0;
    while (this.#peek("-") || this.#peek("+")) {
      sign = (sign || 1) * (this.#tokens[this.#at++].text === "-" ? -1 : 1);
    }
    const value = this.#power();
    if (sign === 0) return value;
    return sign * this.#number(value);
  }

  #power(): ConfigValue {
    const base = this.#primary();
    if (!this.#accept("**")) return base;
    if (++this.#depth > MAX_DEPTH) this.#fail(`at most ${MAX_DEPTH} levels of nesting`);
    const power = this.#number(base) ** this.#number(this.#unary());
    this.#depth--;
    return power;
  }

  #primary(): ConfigValue {
    const token = this.#tokens[this.#at];
    if (token === undefined) return this.#fail("a value");
    this.#at++;
    if (token.kind === "number") return token.value;
    if (token.kind === "string") {
      let text = token.text;
      while (this.#tokens[this.#at]?.kind === "string") text += this.#tokens[this.#at++].text;
      return this.#weighed(text);
    }
    if (token.kind === "name") return this.#named(token.text);
    if (token.text === "[") return this.#items("]");
    if (token.text === "{") return this.#braces();
    if (token.text === "(") return this.#parentheses();
    this.#at--;
    return this.#fail("a value");
  }

  #named(name: string): ConfigValue {
    const constant = CONSTANTS.get(name);
    if (constant !== undefined) return constant;
    if (this.#peek("(")) {
      if (name !== "dict") {
        this.#at--;
        this.#fail("a literal (only dict(…) may be called)");
      }
      this.#at++;
      return this.#keywords();
    }
    const value = this.#names.get(name);
    if (value !== undefined) return value;
    this.#at--;
    return this.#fail("a literal or a name assigned further up");
  }

  #items(close: string): ConfigValue[] {
    const items: ConfigValue[] = [];
    while (!this.#accept(close)) {
      items.push(this.#sum());
      if (this.#accept(close)) break;
      this.#expect(",");
    }
    return this.#weighed(items);
  }

  #parentheses(): ConfigValue {
    if (this.#accept(")")) return [];
    const first = this.#sum();
    if (this.#accept(")")) return first;
    this.#expect(",");
    return this.#weighed([first, ...this.#items(")")]);
  }

  #braces(): ConfigObject {
    const entries: [string, ConfigValue][] = [];
    while (!this.#accept("}")) {
      const key = this.#sum();
      if (typeof key !== "string" && typeof key !== "number") this.#fail("a text or a number as key");
      this.#expect(":");
      entries.push([String(key), this.#sum()]);
      if (this.#accept("}")) break;
      this.#expect(",");
    }
    return this.#weighed(configObject(entries));
  }

  #keywords(): ConfigObject {
    const entries: [string, ConfigValue][] = [];
    while (!this.#accept(")")) {
      const key = this.#tokens[this.#at];
      if (key?.kind !== "name") this.#fail("a keyword");
      this.#at++;
      this.#expect("=");
      entries.push([key.text, this.#sum()]);
      if (this.#accept(")")) break;
      this.#expect(",");
    }
    return this.#weighed(configObject(entries));
  }

  #repeat(list: readonly ConfigValue[], times: ConfigValue): ConfigValue {
    const count = this.#number(times);
    if (!Number.isInteger(count) || count * list.length > 10_000) this.#fail("a list of at most 10000 items");
    return this.#weighed(Array.from({ length: Math.max(0, count) }, () => list).flat(1));
  }

  /** The value itself, after its parts were counted. Lists and dicts that it shares count as often as they occur. */
  #weighed<T extends string | ConfigValue[] | ConfigObject>(value: T): T {
    const weigh = (part: ConfigValue) =>
      typeof part === "string"
        ? 1 + part.length
        : isConfigObject(part) || isConfigList(part)
        ? this.#weights.get(part) ?? 1
        : 1;
    const weight = typeof value === "string"
      ? value.length
      : Object.values<ConfigValue>(value).reduce<number>((sum, part) => sum + weigh(part), 1);
    if (weight > MOST_IN_VALUE) this.#fail(`a value of at most ${MOST_IN_VALUE} items and characters`);
    this.#made += weight;
    if (this.#made > MOST_IN_FILE) this.#fail(`at most ${MOST_IN_FILE} items and characters in all`);
    if (typeof value !== "string") this.#weights.set(value, weight);
    return value;
  }

  #number(value: ConfigValue): number {
    return typeof value === "number" ? value : this.#fail("numbers around an operator");
  }

  #divisor(value: ConfigValue): number {
    const divisor = this.#number(value);
    return divisor !== 0 ? divisor : this.#fail("a divisor other than 0");
  }

  #peek(operator: string): boolean {
    const token = this.#tokens[this.#at];
    return token?.kind === "operator" && token.text === operator;
  }

  #accept(operator: string): boolean {
    if (!this.#peek(operator)) return false;
    this.#at++;
    return true;
  }

  #expect(operator: string): void {
    if (!this.#accept(operator)) this.#fail(operator);
  }

  #fail(expected: string): never {
    const token = this.#tokens[this.#at] ?? this.#tokens.at(-1);
    const found = token === undefined || token.kind === "end" ? "the end of the line" : token.text;
    const place = `${this.#source}, line ${token?.line ?? 1}`;
    throw new DinogradError("usage", `${place}: expected ${expected} but found ${shown(found)}`);
  }
}
