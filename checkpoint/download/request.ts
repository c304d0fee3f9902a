/**
 * One request for a file, or for the rest of one, through whatever redirects. They are followed here, one by one, because
 * a token is for one host: the next one gets none, and may not be asked without encryption.
 */
import { isAllowed, shownAddress } from "./address.ts";
import { FetchFailure } from "./failures.ts";

/** A host that knows its users by a token. */
export interface Hub {
  /** With its port where it has one. */
  readonly host: string;
  /** Sent to this host and to no other; undefined for none. */
  readonly token: string | undefined;
}

interface Answer {
  readonly response: Response;
  /** Where the last redirect led. */
  readonly url: URL;
  /** The SHA-256 that a hub gives for the file, in hexadecimal digits; null where none does. */
  readonly toldDigest: string | null;
}

const MOST_REDIRECTS = 10;
const REDIRECTS = [301, 302, 303, 307, 308];

/** Asks for a file. What `fetch` throws is passed on. @throws {FetchFailure} where redirects lead nowhere */
export async function requestFile(
  address: URL,
  { headers, hubs, signal }: {
    readonly headers: Readonly<Record<string, string>>;
    readonly hubs: readonly Hub[];
    readonly signal: AbortSignal;
  },
): Promise<Answer> {
  let toldDigest: string | null = null;
  let url = address;
  for (let redirects = 0; redirects <= MOST_REDIRECTS; redirects++) {
    const hub = hubs.find(({ host }) => host === url.host);
    const token: Record<string, string> = hub?.token ? { "authorization": `Bearer ${hub.token}` } : {};
    const response = await fetch(url, { redirect: "manual", headers: { ...headers, ...token }, signal });
    if (hub) toldDigest = digestOf(response) ?? toldDigest;
    if (!REDIRECTS.includes(response.status)) return { response, url, toldDigest };
    await response.body?.cancel();
    url = nextAddress(response.headers.get("location"), url);
  }
  throw new FetchFailure(`${address.host} redirects more than ${MOST_REDIRECTS} times`, { isLasting: true });
}

function nextAddress(location: string | null, from: URL): URL {
  let next: URL;
  try {
    next = new URL(location ?? "", from);
  } catch (cause) {
    throw new FetchFailure(`${from.host} redirects to no address`, { isLasting: true, cause });
  }
  const isWeaker = from.protocol === "https:" && next.protocol !== "https:";
  if (location !== null && isAllowed(next) && !isWeaker) return next;
  throw new FetchFailure(`${from.host} redirects to ${shownAddress(next)}, which is not encrypted`, {
    isLasting: true,
  });
}

/** Hubs of large files call them by their SHA-256. */
function digestOf({ headers }: Response): string | undefined {
  return /^"?([0-9a-f]{64})"?$/.exec(headers.get("x-linked-etag") ?? "")?.[1];
}

/** Which bytes of which file a response has. */
export interface Extent {
  /** Of the first of them. */
  readonly start: number;
  /** Of the whole file; null where the server does not say. */
  readonly total: number | null;
  /** By which a later request can ask for the same file; null where there is nothing of the kind. */
  readonly validator: string | null;
}

/** What a response with status 200 or 206 has. @throws {FetchFailure} where it contradicts itself */
export function extentOf({ status, headers }: Response): Extent {
  // A compressed body has another length, and cannot be continued.
  const isPlain = (headers.get("content-encoding") ?? "identity") === "identity";
  const validator = isPlain ? validatorOf(headers) : null;
  if (status === 200) return { start: 0, total: isPlain ? countIn(headers.get("content-length")) : null, validator };
  const [, start, end, total] = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(headers.get("content-range") ?? "") ?? [];
  if (start === undefined || Number(end) < Number(start) || Number(end) >= Number(total)) {
    throw new FetchFailure("the server answered with a part of the file and did not say which");
  }
  return { start: Number(start), total: countIn(total), validator };
}

/** The size that comes with a refusal of a range beyond the end; null where there is none. */
export function totalOfRefusal({ headers }: Response): number | null {
  return countIn(/^bytes \*\/(\d+)$/.exec(headers.get("content-range") ?? "")?.[1] ?? null);
}

/** A strong ETag; else the time of the last change. A weak ETag says that files mean the same, not that they are. */
function validatorOf(headers: Headers): string | null {
  const etag = headers.get("etag");
  return etag !== null && etag.startsWith('"') ? etag : headers.get("last-modified");
}

function countIn(text: string | null): number | null {
  const count = Number(text ?? NaN);
  return Number.isSafeInteger(count) && count >= 0 ? count : null;
}
