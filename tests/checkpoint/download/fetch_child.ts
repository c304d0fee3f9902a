/** Fetches an address into a cache, tells what happens line by line, and ends: a process that can be killed. */
import { fetchFile } from "../../../checkpoint/download/fetch_file.ts";

const [address, cache] = Deno.args;
const say = (line: string) => console.log(line);
const ui = {
  say,
  warn: say,
  progress: () => ({ update: (done: number) => say(`at ${done}`), finish: () => {} }),
  stop: new AbortController().signal,
};
const { sha256 } = await fetchFile(new URL(address), {
  cache,
  ui,
  digest: null,
  patience: { pause: 10, stall: 5000, sync: 0 },
});
say(`done ${sha256}`);
