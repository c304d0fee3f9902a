/**
 * What `JSON.parse` does not tell of a text: that an object names a key twice (it keeps the last one silently, and two
 * readers may differ), and how many values there will be (a list in a list takes 20 times the memory of its brackets).
 */

/** How JSON of a file is bounded. */
interface JsonLimits {
  /** Values, keys not counted. */
  readonly values: number;
  /** Lists and objects around a value. */
  readonly levels: number;
}

/**
 * What is too much about a text before it is parsed, or null. Right for every JSON text; of another text it may say
 * anything, for that one is refused afterwards.
 */
export function excessOf(text: string, { values, levels }: JsonLimits): string | null {
  let count = 1;
  let level = 0;
  for (const { kind } of pieces(text)) {
    // A value follows each opening bracket and comma; of an empty list it is counted all the same.
    if (kind === "{" || kind === "[") {
      count++;
      if (++level > levels) return `more than ${levels} levels`;
    } else if (kind === "}" || kind === "]") level--;
    else if (kind === ",") count++;
    if (count > values) return `more than ${values} values`;
  }
  return null;
}

/** The first key that occurs twice in one object of a valid JSON text, or null. */
export function duplicateKey(text: string): string | null {
  const open: (Set<string> | null)[] = []; // a set of keys for each object around, null for each list
  let [start, end] = [0, 0]; // of the string before
  for (const piece of pieces(text)) {
    if (piece.kind === '"') [start, end] = [piece.start, piece.end];
    else if (piece.kind === "{") open.push(new Set());
    else if (piece.kind === "[") open.push(null);
    else if (piece.kind === "}" || piece.kind === "]") open.pop();
    else if (piece.kind === ":") {
      const key: unknown = JSON.parse(text.slice(start, end)); // two spellings of one key are the same key
      const keys = open.at(-1);
      if (typeof key === "string" && keys) {
        if (keys.has(key)) return key;
        keys.add(key);
      }
    }
  }
  return null;
}

/** The strings (kind `"`), brackets, colons and commas of a JSON text, each with where it starts and ends. */
function* pieces(text: string): Generator<{ kind: string; start: number; end: number }> {
  const structure = /["{}[\]:,]/g;
  for (let match = structure.exec(text); match !== null; match = structure.exec(text)) {
    const start = match.index;
    if (match[0] === '"') structure.lastIndex = endOfString(text, start);
    yield { kind: match[0], start, end: structure.lastIndex };
  }
}

/** Behind the closing quotation mark. A loop and no regular expression: those end at some millions of characters. */
function endOfString(text: string, start: number): number {
  for (let quote = text.indexOf('"', start + 1); quote >= 0; quote = text.indexOf('"', quote + 1)) {
    let before = quote;
    while (text[before - 1] === "\\") before--;
    if ((quote - before) % 2 === 0) return quote + 1; // an even number of backslashes are those of the text
  }
  return text.length;
}
