/** The known name nearest to a mistyped one, by Levenshtein distance: insertions, deletions and substitutions cost one. */
import { levenshteinDistance } from "@std/text/levenshtein-distance";

/** A longer one is no slip of the hand, and comparing takes its length times that of every known name. */
const LONGEST_NAME = 100;

/** The nearest of `known`, or undefined where none is near enough to be what was meant. */
export function nearestName(name: string, known: Iterable<string>): string | undefined {
  const plain = (text: string) => text.toLowerCase().replaceAll(/[-_]/g, "");
  if (name.length > LONGEST_NAME) return undefined;
  let best: string | undefined;
  let least = Math.max(1, Math.floor(name.length * 0.4)) + 1;
  for (const candidate of known) {
    const distance = levenshteinDistance(plain(name), plain(candidate));
    if (distance < least) [best, least] = [candidate, distance];
  }
  return best;
}

/** `; did you mean X?`, or nothing where no known name is near. For the end of an error message. */
export function didYouMean(name: string, known: Iterable<string>): string {
  const nearest = nearestName(name, known);
  return nearest === undefined ? "" : `; did you mean ${nearest}?`;
}
