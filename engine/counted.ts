/** Numbers with their nouns, as people say them. */

/** `1 finding`, `2 findings`; `plural` where an s is not enough. */
export function counted(number: number, noun: string, plural = `${noun}s`): string {
  return `${number} ${number === 1 ? noun : plural}`;
}
