/** `ImageData`, which the codecs of images take from the global scope, for platforms that have none, such as Node. */

class PlainImageData {
  constructor(readonly data: Uint8ClampedArray, readonly width: number, readonly height: number) {}
}

/** Runs a function for whose length the global scope has an `ImageData`; where it gives a promise, until that settles. */
export function withImageData<T>(run: () => T): T {
  const scope = globalThis as { ImageData?: unknown };
  if (scope.ImageData !== undefined && scope.ImageData !== PlainImageData) return run();
  scope.ImageData = PlainImageData;
  const remove = () => void delete scope.ImageData;
  let result: T;
  try {
    result = run();
  } catch (error) {
    remove();
    throw error;
  }
  // What `finally` gives has the type of what it was called on.
  if (result instanceof Promise) return result.finally(remove) as T;
  remove();
  return result;
}
