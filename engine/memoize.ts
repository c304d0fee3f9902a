/**
 * Things that are made once and kept: kernels by what distinguishes them, programs by their recipe. A key is a value, never
 * an object made for the call, so that what is asked for again is found again and nothing piles up.
 */

/** Numbers, words and lists of them: what equal calls have in common. */
type Key = string | number | boolean | undefined | readonly (string | number | boolean)[];

/** The same function, which makes what it returns once for equal arguments. */
export function memoize<Arguments extends readonly Key[], Result>(
  make: (...key: Arguments) => Result,
): (...key: Arguments) => Result {
  const made = new Map<string, Result>();
  return (...key) => {
    const text = key.join("/");
    let result = made.get(text);
    if (result === undefined) made.set(text, result = make(...key));
    return result;
  };
}

/** The same function, which makes what it returns once for each object, and forgets it with the object. */
export function memoizeByObject<Subject extends object, Result>(
  make: (subject: Subject) => Result,
): (subject: Subject) => Result {
  const made = new WeakMap<Subject, Result>();
  return (subject) => {
    let result = made.get(subject);
    if (result === undefined) made.set(subject, result = make(subject));
    return result;
  };
}
