export function sum(values: Float32Array, threads: number, run: (work: (thread: number) => void) => void): number {
  const blocks = new Float32Array(Math.ceil(values.length / 4));
  const add = (total: number, value: number) => Math.fround(total + value);
  run((thread) => {
    for (let block = thread; block < blocks.length; block += threads) {
      blocks[block] = values.subarray(4 * block, 4 * block + 4).reduce(add, 0);
    }
  });
  return blocks.reduce(add, 0);
}
