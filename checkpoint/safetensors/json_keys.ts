/** JSON objects that name a key twice: `JSON.parse` keeps the last one silently, and two readers may differ. */

/** The first key that occurs twice in one object of a valid JSON text, or null. */
export function duplicateKey(text: string): string | null {
  const open: (Set<string> | null)[] = []; // a set of keys for each object around, null for each array
  const token = /"(?:[^"\\]|\\.)*"|[{}[\]:,]/g;
  let previous = "";
  for (let match = token.exec(text); match !== null; match = token.exec(text)) {
    const [piece] = match;
    if (piece === "{") open.push(new Set());
    else if (piece === "[") open.push(null);
    else if (piece === "}" || piece === "]") open.pop();
    else if (piece === ":") {
      const key: unknown = JSON.parse(previous);
      const keys = open.at(-1);
      if (typeof key === "string" && keys) {
        if (keys.has(key)) return key;
        keys.add(key);
      }
    }
    previous = piece;
  }
  return null;
}
