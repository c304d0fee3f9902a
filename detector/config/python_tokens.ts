/**
 * Cuts the text of a Python config file into tokens. Only what literals and assignments need: names, numbers, strings,
 * operators and ends of statements; comments vanish, lines join inside brackets and after a backslash.
 */
import { DinogradError } from "../../engine/errors.ts";
import { shown } from "./values.ts";

export interface Token {
  readonly kind: "name" | "number" | "string" | "operator" | "end";
  /** A name or operator as written, a string's content. */
  readonly text: string;
  /** A number's value. */
  readonly value: number;
  readonly line: number;
}

const NUMBER =
  /(?:0[xX][\da-fA-F]+(?:_[\da-fA-F]+)*|0[oO][0-7]+(?:_[0-7]+)*|0[bB][01]+(?:_[01]+)*|(?:\d+(?:_\d+)*)?\.\d+(?:_\d+)*(?:[eE][+-]?\d+)?|\d+(?:_\d+)*\.?(?:[eE][+-]?\d+)?)/y;
const NAME = /[\p{L}_][\p{L}\p{N}_]*/uy;
const OPERATOR = /\*\*|\/\/|[-+*/%()[\]{},:=.]/y;
const STRING_START = /[rRuUbBfF]{0,2}(?:'''|"""|'|")/y;

/** All tokens of `text`, ending every statement with an "end" token. `source` names the file in errors. */
export function tokenize(text: string, source: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  let line = 1;
  let depth = 0;
  let lineStart = true;

  const fail = (message: string): never => {
    throw new DinogradError("usage", `${source}, line ${line}: ${shown(message)}`);
  };
  const push = (kind: Token["kind"], content = "", value = NaN) => tokens.push({ kind, text: content, value, line });
  const endStatement = () => {
    if (tokens.length > 0 && tokens[tokens.length - 1].kind !== "end") push("end");
  };
  const match = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    return pattern.exec(text)?.[0];
  };

  while (at < text.length) {
    const character = text[at];
    if (character === "\n") {
      if (depth === 0) endStatement();
      at++;
      line++;
      lineStart = true;
      continue;
    }
    if (character === "\\" && /^\\\r?\n/.test(text.slice(at, at + 3))) {
      at = text.indexOf("\n", at) + 1;
      line++;
      continue;
    }
    if (character === "#") {
      const end = text.indexOf("\n", at);
      at = end < 0 ? text.length : end;
      continue;
    }
    if (character === " " || character === "\t" || character === "\r" || character === "\f" || character === "\uFEFF") {
      at++;
      // A line that holds a statement after spaces belongs to a block, and blocks need code that is run.
      const next = text[at];
      if (lineStart && depth === 0 && next !== undefined && !" \t\r\f\n#\\".includes(next) && character !== "\uFEFF") {
        fail("expected a line that starts in the first column but found an indented one");
      }
      continue;
    }
    lineStart = false;
    const opening = match(STRING_START);
    if (opening !== undefined) {
      const { content, length, lines } = readString(text, { at, opening, fail });
      push("string", content);
      at += length;
      line += lines;
      continue;
    }
    const number = match(NUMBER);
    if (number !== undefined) {
      at += number.length;
      if (/^[\p{L}_]/u.test(text.slice(at, at + 2))) fail(`expected a number but found ${number}${text[at]}`);
      push("number", number, Number(number.replaceAll("_", "")));
      continue;
    }
    const name = match(NAME);
    if (name !== undefined) {
      push("name", name);
      at += name.length;
      continue;
    }
    if (character === ";" && depth === 0) {
      endStatement();
      at++;
      continue;
    }
    const operator = match(OPERATOR);
    if (operator === undefined) return fail(`expected a literal or an assignment but found ${character}`);
    if ("([{".includes(operator)) depth++;
    if (")]}".includes(operator)) depth = Math.max(0, depth - 1);
    push("operator", operator);
    at += operator.length;
  }
  endStatement();
  return tokens;
}

interface StringPlace {
  readonly at: number;
  /** Prefix and quotes. */
  readonly opening: string;
  readonly fail: (message: string) => never;
}

function readString(text: string, place: StringPlace): { content: string; length: number; lines: number } {
  const prefix = place.opening.replace(/['"]+$/, "").toLowerCase();
  const quotes = place.opening.slice(prefix.length);
  if (prefix.includes("f")) place.fail("expected a plain string but found an f-string, which would have to be run");
  if (prefix.includes("b")) place.fail("expected a text string but found bytes");
  let content = "";
  let at = place.at + place.opening.length;
  const from = at;
  while (!text.startsWith(quotes, at)) {
    if (at >= text.length || (text[at] === "\n" && quotes.length === 1)) {
      place.fail(`expected ${quotes} at the end of the string`);
    }
    if (text[at] === "\\") {
      if (prefix.includes("r")) {
        content += text.slice(at, at + 2);
        at += 2;
      } else {
        const [escape, value] = readEscape(text, at);
        content += value;
        at += escape;
      }
    } else content += text[at++];
  }
  return {
    content,
    length: at + quotes.length - place.at,
    lines: text.slice(from, at).split("\n").length - 1,
  };
}

const SIMPLE_ESCAPES: Readonly<Record<string, string>> = {
  "\n": "",
  "\\": "\\",
  "'": "'",
  '"': '"',
  n: "\n",
  t: "\t",
  r: "\r",
  b: "\b",
  f: "\f",
  v: "\v",
  a: "\x07",
};

/** The length of the escape sequence at `at` and what it stands for; unknown ones stand for themselves. */
function readEscape(text: string, at: number): [length: number, value: string] {
  const coded = /^\\(?:x([\da-fA-F]{2})|u([\da-fA-F]{4})|U([\da-fA-F]{8})|([0-7]{1,3}))/.exec(text.slice(at, at + 10));
  if (coded) {
    const [whole, x, u, longU, octal] = coded;
    const code = octal === undefined ? parseInt(x ?? u ?? longU, 16) : parseInt(octal, 8);
    if (code <= 0x10FFFF) return [whole.length, String.fromCodePoint(code)];
  }
  const next = text[at + 1] ?? "";
  return [2, Object.hasOwn(SIMPLE_ESCAPES, next) ? SIMPLE_ESCAPES[next] : `\\${next}`];
}
