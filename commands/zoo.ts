/** `zoo`: the checkpoints that are known by name, and those that were fetched. */
import type { Command } from "commander";
import { isAddress, parseAddress } from "../checkpoint/download/address.ts";
import { type CachePlace, placeOf } from "../checkpoint/download/cache.ts";
import { decimalSize } from "../checkpoint/download/decimal_size.ts";
import { fetchFile, hashFile } from "../checkpoint/download/fetch_file.ts";
import { listStock, removeFromStock, stockOf } from "../checkpoint/download/stock.ts";
import { didYouMean } from "../detector/config/mod.ts";
import { DEFAULT_ENTRY, ENTRIES, entryOf, fetchOptions, type ZooEntry } from "../detector/zoo/mod.ts";
import { DinogradError } from "../engine/errors.ts";
import { cacheFolder } from "../platform/cache_folder.ts";
import { addDownloadFlags, type DownloadFlags, type Verb } from "./shared/command.ts";
import type { Terminal } from "./shared/terminal.ts";

interface ZooFlags extends DownloadFlags {
  readonly forget?: true;
  readonly json?: true;
}

interface Call {
  readonly flags: ZooFlags;
  readonly terminal: Terminal;
}

interface Named {
  readonly url: URL;
  readonly entry: ZooEntry | undefined;
  readonly place: CachePlace;
}

interface Action {
  /** Flags that mean something, beside `--json`. */
  readonly flags: readonly string[];
  readonly needsName: boolean;
  run(named: Named | null, call: Call): Promise<void>;
}

const ACTIONS: Readonly<Record<string, Action>> = {
  list: { flags: [], needsName: false, run: (_, call) => list(call) },
  show: { flags: [], needsName: true, run: onNamed(show) },
  get: { flags: ["offline"], needsName: true, run: onNamed(get) },
  path: { flags: [], needsName: true, run: onNamed(tellPath) },
  rm: { flags: ["forget"], needsName: true, run: onNamed(remove) },
};

function onNamed(work: (named: Named, call: Call) => Promise<void>): Action["run"] {
  return async (named, call) => {
    if (named) await work(named, call);
  };
}

export const zooVerb: Verb<ZooFlags> = {
  define(command: Command): void {
    command
      .argument("[action]", `${Object.keys(ACTIONS).join(", ")} (default: list)`)
      .argument("[name]", "which: a name of the list, or an https: address")
      .option("--forget", "rm: also the digest that later downloads would be held to")
      .option("--json", "print the result as JSON");
    addDownloadFlags(command);
  },

  async run({ args: [action = "list", name], flags, terminal, given }): Promise<void> {
    if (!Object.hasOwn(ACTIONS, action)) {
      const names = Object.keys(ACTIONS);
      const hint = entryOf(action) ? `; zoo get ${action} fetches it` : didYouMean(action, names);
      throw new DinogradError("usage", `zoo: expected ${names.join(", ")} but found ${action}${hint}`);
    }
    const { flags: ownFlags, needsName, run } = ACTIONS[action];
    if (needsName !== (name !== undefined)) {
      const expected = needsName ? "a name of the zoo or an https: address" : "no name";
      throw new DinogradError("usage", `zoo ${action}: expected ${expected} but found ${name ?? "none"}`);
    }
    const idle = given.find((option) => option.name !== "json" && !ownFlags.includes(option.name));
    if (idle) {
      throw new DinogradError("usage", `zoo ${action}: expected none of the others' flags but found --${idle.name}`);
    }
    await run(name === undefined ? null : named(name), { flags, terminal });
  },
};

/** @throws {DinogradError} of kind "usage" where there is nothing of that name */
function named(name: string): Named {
  const entry = entryOf(name);
  if (entry === undefined && !isAddress(name)) {
    throw new DinogradError(
      "usage",
      `zoo: expected a name that zoo lists, or an https: address, but found ${name}` +
        didYouMean(name, ENTRIES.map((one) => one.name)),
    );
  }
  const url = parseAddress(entry?.url ?? name);
  return { url, entry, place: placeOf(url, cacheFolder()) };
}

/** What is there of a checkpoint, in a word or two. */
function stateOf(stock: Awaited<ReturnType<typeof stockOf>>): string {
  if (stock === null) return "";
  return stock.path === null ? `${decimalSize(stock.bytes)} so far` : "here";
}

async function list({ flags, terminal }: Call): Promise<void> {
  const cache = cacheFolder();
  const stocks = await Promise.all(ENTRIES.map(({ url }) => stockOf(placeOf(new URL(url), cache))));
  const known = new Set(stocks.flatMap((stock) => stock?.path ?? []));
  const others = (await listStock(cache)).filter(({ path }) => path === null || !known.has(path));
  if (flags.json) {
    return terminal.json({
      default: DEFAULT_ENTRY,
      cache,
      entries: ENTRIES.map((entry, at) => ({ ...entry, path: stocks[at]?.path ?? null })),
      others,
    });
  }
  const rows = ENTRIES.map((entry, at) => [
    entry.name,
    entry.ap.toFixed(1),
    entry.megabytes ?? "-",
    entry.layout,
    stateOf(stocks[at]),
  ]);
  terminal.table(["name", "AP", "MB", "from", "fetched"], rows);
  for (const { url, path } of others) terminal.say(`also fetched: ${url ?? path}`);
  terminal.say("");
  terminal.say(`detect takes ${DEFAULT_ENTRY} unless told otherwise; zoo show NAME: more`);
  terminal.say("AP is as published, MB is of weights alone; what is unchecked: docs/zoo.md");
}

async function show({ url, entry, place }: Named, { flags, terminal }: Call): Promise<void> {
  const stock = await stockOf(place);
  if (flags.json) return terminal.json({ ...entry ?? { url: url.href }, ...place, fetched: stock });
  const about: [string, string][] = entry === undefined ? [["address", url.href]] : [
    ["name", entry.name],
    ["model", entry.about],
    ["AP on COCO", `${entry.ap.toFixed(1)}, as published${entry.note === undefined ? "" : `; ${entry.note}`}`],
    ["address", entry.url],
    ["published at", entry.source],
    ["licence", entry.licence === null ? "none stated" : `${entry.licence} for code; none is stated for weights`],
    ["layout", `of ${entry.layout}; images are prepared as in ${entry.preprocessing}`],
    ["classes", "the 80 of COCO, by category id"],
    ["size", entry.megabytes === null ? "not known" : `${entry.megabytes} MB of weights, computed from shapes`],
    ["SHA-256", entry.digest === null ? "not published: pinned by the first download" : `begins with ${entry.digest}`],
    ["unchecked", entry.unchecked.join(", ")],
  ];
  const fetched: [string, string][] = [
    ["fetched", stock?.path === null ? stateOf(stock) : stock?.path ?? "no"],
    ...(stock?.sha256 ? [["its SHA-256", stock.sha256] satisfies [string, string]] : []),
  ];
  for (const [what, text] of [...about, ...fetched]) terminal.say(`${what.padEnd(14)}${text}`);
}

/** Fetches a checkpoint; of one that is there, compares the bytes with what is known of them. */
async function get({ url, entry, place }: Named, { flags, terminal }: Call): Promise<void> {
  const before = await stockOf(place);
  const { path, bytes, sha256, digestFrom } = await fetchFile(
    url,
    fetchOptions(url, { entry, options: { offline: flags.offline, ui: terminal } }),
  );
  if (before?.path && await hashFile(path) !== sha256) {
    throw new DinogradError(
      "checkpoint",
      `${path}: expected the bytes that were fetched but found others: it is damaged; zoo rm removes it`,
    );
  }
  if (flags.json) return terminal.json({ path, bytes, sha256, digestFrom });
  terminal.say(path);
}

/** Where a checkpoint is, or where one that is fetched by hand belongs. */
async function tellPath({ place }: Named, { flags, terminal }: Call): Promise<void> {
  if (flags.json) return terminal.json({ path: place.file, fetched: (await stockOf(place))?.path !== undefined });
  terminal.say(place.file);
}

async function remove({ url, entry, place }: Named, { flags, terminal }: Call): Promise<void> {
  const { bytes, pin } = await removeFromStock(place, { forget: flags.forget });
  if (flags.json) return terminal.json({ bytes, pin: pin?.sha256 ?? null });
  const name = entry?.name ?? url.href;
  terminal.say(bytes > 0 ? `removed ${name}: ${decimalSize(bytes)}` : `there was nothing of ${name}`);
  if (pin) terminal.say(`later downloads are held to the same SHA-256, ${pin.sha256}; --forget lifts that`);
}
