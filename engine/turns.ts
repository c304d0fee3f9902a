/**
 * Work that waits for its turn. What is asked for at the same time, such as detections in many images, would need the memory
 * of all of it at once; in turn it needs that of one.
 */

/** The end of the work that was last in line, by what it is done with. */
const lines = new WeakMap<object, Promise<void>>();

/**
 * Does the work after all that was asked for before with the same object, such as a device, whatever became of that. Work
 * that is in line must not wait for a turn of its own.
 */
export function inTurn<T>(of: object, work: () => Promise<T>): Promise<T> {
  const result = (lines.get(of) ?? Promise.resolve()).then(work);
  lines.set(of, result.then(() => {}, () => {}));
  return result;
}
