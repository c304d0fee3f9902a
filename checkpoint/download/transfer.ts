/**
 * The bytes of one file, from its server to its part on the disk, however often the connection breaks. What has arrived
 * is continued by a request for the rest, under the condition that the server's file still is the same (`If-Range`, RFC
 * 9110); where that cannot be told, and no digest would show it, everything is asked for again.
 */
import { freeBytes } from "../../platform/disk_room.ts";
import { DinogradError } from "../../platform/errors.ts";
import { shownAddress } from "./address.ts";
import type { CachePlace } from "./cache.ts";
import { failureOf, FetchFailure, refusalOf } from "./failures.ts";
import { decimalSize } from "./decimal_size.ts";
import { PartFile } from "./part_file.ts";
import { type Extent, extentOf, type Hub, requestFile, totalOfRefusal } from "./request.ts";
import { type Patience, Watchdog } from "./watchdog.ts";

/** Who is told what happens. */
export interface DownloadUi {
  /** Tells a line that is as expected. */
  say(line: string): void;
  /** Tells a line about something that is not as expected, and yet no error. */
  warn(line: string): void;
  /** A download of so many bytes begins; infinitely many where the server does not say. */
  progress(label: string, total: number, options: { readonly unit: "bytes" }): {
    update(done: number, details?: { readonly bytesPerSecond?: number }): void;
    finish(): void;
  };
  /** Aborted when the user asks to stop. */
  readonly stop: AbortSignal;
}

interface TransferOptions {
  readonly ui: DownloadUi;
  readonly hubs: readonly Hub[];
  readonly patience: Patience;
  /** Whether the digest of the whole is known, so that a wrong continuation would not go unnoticed. */
  readonly isDigestKnown: boolean;
  /** Bytes that the disk of a folder has left; null where that is not known. */
  readonly freeBytes?: (folder: string) => Promise<number | null>;
}

/** A file that has arrived, as far as its server says. */
export interface Transferred {
  readonly bytes: number;
  /** The SHA-256 of its bytes. */
  readonly sha256: string;
  /** What a hub says that it has to be; null where none does. */
  readonly toldDigest: string | null;
  /** Whether it is put together from several answers. */
  readonly isContinued: boolean;
}

const LONGEST_PAUSE = 30_000;

/**
 * Brings a file to its part, whole and synced.
 * @throws {FetchFailure} where that fails for good; {DinogradError} of kind "interrupted" where it is stopped, "checkpoint" where
 * the part cannot be written. What has arrived stays
 */
export async function transfer(url: URL, place: CachePlace, options: TransferOptions): Promise<Transferred> {
  const { patience } = options;
  const part = await PartFile.open(place, { url: shownAddress(url), syncEvery: patience.sync });
  try {
    return await new Transfer(url, { place, part, options }).run();
  } finally {
    await part.close();
  }
}

class Transfer {
  readonly #url: URL;
  readonly #place: CachePlace;
  readonly #part: PartFile;
  readonly #options: TransferOptions;
  #isContinued = false;
  #hasAnswered = false;
  #bar: ReturnType<DownloadUi["progress"]> | undefined;

  constructor(url: URL, { place, part, options }: {
    readonly place: CachePlace;
    readonly part: PartFile;
    readonly options: TransferOptions;
  }) {
    this.#url = url;
    this.#place = place;
    this.#part = part;
    this.#options = options;
  }

  async run(): Promise<Transferred> {
    try {
      await this.#tryUntilWhole();
      await this.#part.settle();
    } catch (error) {
      await this.#part.settle().catch(() => {}); // the first error is the one to tell
      throw error;
    } finally {
      this.#bar?.finish();
    }
    const { received: bytes, toldDigest } = this.#part;
    return { bytes, sha256: this.#part.digest(), toldDigest, isContinued: this.#isContinued };
  }

  async #tryUntilWhole(): Promise<void> {
    const { ui, patience } = this.#options;
    let most = this.#part.received;
    this.#isContinued = most > 0;
    if (this.#isWhole()) return; // by a process that ended just then
    for (let failures = 0;;) {
      let failure: FetchFailure;
      try {
        if (await this.#request()) return;
        failure = new FetchFailure("the connection ended before the file did");
      } catch (error) {
        if (ui.stop.aborted) throw this.#interrupted();
        if (error instanceof DinogradError) throw error;
        failure = failureOf(error, this.#url);
      }
      // A network that is gone comes back, but one that has not been there is more likely not to come.
      if (failure.isLasting || (failure.isUnreachable && !this.#hasAnswered)) throw failure;
      failures = this.#part.received > most ? 1 : failures + 1;
      most = Math.max(most, this.#part.received);
      if (failures >= patience.tries) throw failure;
      const pause = failure.pause === undefined ? patience.pause * 2 ** (failures - 1) : 1000 * failure.pause;
      const arrived = this.#part.received > 0 ? ` after ${decimalSize(this.#part.received)}` : "";
      ui.warn(`${shownAddress(this.#url)}: ${failure.message}${arrived}; trying again`);
      await this.#wait(Math.min(pause, failure.pause === undefined ? LONGEST_PAUSE : Infinity));
    }
  }

  /** Asks for what is missing. Returns whether the file is whole. */
  async #request(): Promise<boolean> {
    const part = this.#part;
    const { hubs, isDigestKnown, patience, ui } = this.#options;
    const isContinuable = part.validator !== null || isDigestKnown || part.toldDigest !== null;
    if (part.received > 0 && !isContinuable) await this.#startOver();
    const range: Record<string, string> = part.received === 0 ? {} : { "range": `bytes=${part.received}-` };
    if (part.received > 0 && part.validator !== null) range["if-range"] = part.validator;
    const watchdog = new Watchdog(patience.stall, ui.stop);
    try {
      const { signal } = watchdog;
      const headers = { "accept-encoding": "identity", ...range };
      const { response, url, toldDigest } = await requestFile(this.#url, { headers, hubs, signal });
      this.#hasAnswered = true;
      try {
        if (response.status === 416) return await this.#isWholeAlready(response);
        if (response.status !== 200 && response.status !== 206) throw refusalOf(response, url);
        await this.#takeUp(response, toldDigest);
      } catch (error) {
        await response.body?.cancel().catch(() => {}); // it may be the body that failed
        throw error;
      }
      await this.#receive(response, watchdog);
    } catch (error) {
      throw watchdog.signal.aborted ? watchdog.signal.reason : error;
    } finally {
      watchdog.stop();
    }
    return part.bytes === null || this.#isWhole();
  }

  #isWhole(): boolean {
    return this.#part.bytes !== null && this.#part.received === this.#part.bytes;
  }

  /** The server has nothing beyond what is there: because that is all, or because its file is another one. */
  async #isWholeAlready(response: Response): Promise<boolean> {
    await response.body?.cancel();
    const total = totalOfRefusal(response);
    if (total !== null && total === this.#part.received) return true;
    await this.#startOver();
    throw new FetchFailure("the file has changed at its source");
  }

  /** Compares what is about to come with what is there. */
  async #takeUp(response: Response, toldDigest: string | null): Promise<void> {
    const part = this.#part;
    if (/^text\/html\b/i.test(response.headers.get("content-type") ?? "")) {
      const hint = this.#url.pathname.includes("/blob/")
        ? ": with /resolve/ (Hugging Face) or /raw/ (GitHub) in place of /blob/ it is that of the file"
        : "";
      throw new FetchFailure(`there is a web page and no file at that address${hint}`, { isLasting: true });
    }
    const extent = extentOf(response);
    if (extent.total === 0) throw new FetchFailure("the file is empty", { isLasting: true });
    if (response.status === 200) {
      if (part.received > 0) {
        this.#options.ui.warn(
          `${shownAddress(this.#url)}: the server does not continue after ${
            decimalSize(part.received)
          }, or its file is ` +
            "another one now: from the start",
        );
        await this.#startOver();
      }
      await part.describe(extent, toldDigest);
    } else if (isOther(extent, part)) {
      await this.#startOver();
      throw new FetchFailure("the file has changed at its source");
    } else if (part.received === 0) {
      await part.describe(extent, toldDigest);
    } else {
      this.#isContinued = true;
    }
    await this.#requireRoom();
  }

  async #startOver(): Promise<void> {
    await this.#part.startOver();
    this.#isContinued = false;
  }

  async #requireRoom(): Promise<void> {
    const { bytes, received } = this.#part;
    if (bytes === null) return;
    const free = await (this.#options.freeBytes ?? freeBytes)(this.#place.folder);
    if (free === null || free >= bytes - received) return;
    throw new DinogradError(
      "checkpoint",
      `${this.#place.folder}: expected room for ${decimalSize(bytes - received)} but found ${decimalSize(free)}; ` +
        "DINOGRAD_CACHE names another folder for downloads",
    );
  }

  async #receive({ body }: Response, watchdog: Watchdog): Promise<void> {
    const part = this.#part;
    const total = part.bytes ?? Infinity;
    const bar = this.#bar ??= this.#options.ui.progress(`download ${nameIn(this.#place.file)}`, total, {
      unit: "bytes",
    });
    const speed = new Speed(part.received);
    const reader = body?.getReader();
    try {
      for (;;) {
        const { done, value } = await reader?.read() ?? { done: true };
        if (done || value === undefined) break;
        watchdog.feed();
        if (part.received + value.length > total) {
          await this.#startOver();
          throw new FetchFailure(`more came than the ${total} bytes that were told`);
        }
        await part.append(value);
        const bytesPerSecond = speed.at(part.received);
        if (bytesPerSecond !== null) bar.update(part.received, { bytesPerSecond });
      }
    } finally {
      await reader?.cancel().catch(() => {}); // it has failed, or is over
    }
    bar.update(part.received, { bytesPerSecond: speed.overall(part.received) });
  }

  #interrupted(): DinogradError {
    const { received, bytes } = this.#part;
    const all = bytes === null ? "" : ` of ${decimalSize(bytes)}`;
    return new DinogradError(
      "interrupted",
      `${shownAddress(this.#url)}: stopped after ${decimalSize(received)}${all}; the same command continues there`,
    );
  }

  /** Waits, but not after being asked to stop. */
  async #wait(milliseconds: number): Promise<void> {
    const { stop } = this.#options.ui;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      stop.addEventListener("abort", () => {
        clearTimeout(timer);
        resolve();
      }, { once: true });
      if (stop.aborted) resolve();
    });
    if (stop.aborted) throw this.#interrupted();
  }
}

/** Whether a rest is that of another file, or another rest. */
function isOther({ start, total, validator }: Extent, part: PartFile): boolean {
  return start !== part.received || differ(total, part.bytes) || differ(validator, part.validator);
}

const differ = <T>(a: T | null, b: T | null) => a !== null && b !== null && a !== b;

const nameIn = (path: string) => path.slice(path.lastIndexOf("/") + 1);

/** Bytes per second over the last seconds, told some times a second. */
class Speed {
  readonly #first: readonly [time: number, bytes: number];
  readonly #past: (readonly [time: number, bytes: number])[];

  constructor(bytes: number) {
    this.#first = [performance.now(), bytes];
    this.#past = [this.#first];
  }

  /** Since the beginning. */
  overall(bytes: number): number {
    const [then, before] = this.#first;
    return (bytes - before) / Math.max(1, performance.now() - then) * 1000;
  }

  /** Null where it was told a moment ago. */
  at(bytes: number): number | null {
    const now = performance.now();
    const [last] = this.#past[this.#past.length - 1];
    if (now - last < 100) return null;
    this.#past.push([now, bytes]);
    while (this.#past.length > 50) this.#past.shift();
    const [then, before] = this.#past[0];
    return (bytes - before) / (now - then) * 1000;
  }
}
