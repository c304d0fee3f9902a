/** Why a download failed, in the words of a message: a clause that follows "expected to download it but". */
import { errorCode, errorText } from "../../platform/reasons.ts";

/** A failure of one attempt. */
export class FetchFailure extends Error {
  /** Another attempt would end the same way. */
  readonly isLasting: boolean;
  /** Nobody answers there. */
  readonly isUnreachable: boolean;
  /** How long the server wants to be left alone, in seconds. */
  readonly pause: number | undefined;

  constructor(
    reason: string,
    { isLasting = false, isUnreachable = false, pause, cause }: {
      readonly isLasting?: boolean;
      readonly isUnreachable?: boolean;
      readonly pause?: number;
      readonly cause?: unknown;
    } = {},
  ) {
    super(reason, { cause });
    this.isLasting = isLasting;
    this.isUnreachable = isUnreachable;
    this.pause = pause;
  }
}

/** What `fetch` throws, of the platforms that are known, as a reason. */
export function failureOf(error: unknown, url: URL): FetchFailure {
  if (error instanceof FetchFailure) return error;
  const cause = error instanceof Error ? error.cause : undefined;
  const text = `${errorText(error)}; ${cause === undefined ? "" : errorText(cause)}`;
  const told = (reason: string, about: { isLasting?: boolean; isUnreachable?: boolean } = {}) =>
    new FetchFailure(reason, { ...about, cause: error });
  if (/NotCapable|Requires net access/.test(text)) {
    return told(`connecting is not permitted: add --allow-net=${url.host}`, { isLasting: true });
  }
  const code = errorCode(cause) || errorCode(error);
  if (/dns error|ENOTFOUND|EAI_AGAIN|failed to lookup/.test(`${text} ${code}`)) {
    return told(`the host ${url.hostname} was not found (no network? HTTPS_PROXY names a proxy)`, {
      isUnreachable: true,
    });
  }
  if (/ECONNREFUSED|[Cc]onnection refused/.test(`${text} ${code}`)) {
    return told(`${url.host} refused the connection`, { isUnreachable: true });
  }
  if (/certificate|UnknownIssuer|self.signed/i.test(text)) {
    return told(`the certificate of ${url.hostname} is not trusted (DENO_CERT=FILE adds one)`, { isLasting: true });
  }
  return told(`the connection to ${url.host} broke (${lastPart(text)})`);
}

/** The end of a chain of causes, in which Deno has the address and its query in front. */
function lastPart(text: string): string {
  const parts = text.split(/: |; /).map((part) => part.trim()).filter((part) => part !== "" && !part.includes("://"));
  return (parts.at(-1) ?? "no reason was given").slice(0, 120);
}

/** Pauses that a server may ask for, in seconds. */
const LONGEST_PAUSE = 120;

/** An answer that is no file. */
export function refusalOf({ status, statusText, headers }: Response, url: URL): FetchFailure {
  const answer = `${url.host} answered ${status}${statusText ? ` (${statusText})` : ""}`;
  if (status === 401 || status === 403) {
    const hint = url.hostname === "huggingface.co" ? ": if the file is not public, HF_TOKEN says who you are" : "";
    return new FetchFailure(`${answer}${hint}`, { isLasting: true });
  }
  const isPassing = status === 408 || status === 425 || status === 429 || status >= 500;
  const wanted = Number(headers.get("retry-after") ?? NaN);
  return new FetchFailure(answer, {
    isLasting: !isPassing,
    pause: wanted >= 0 ? Math.min(wanted, LONGEST_PAUSE) : undefined,
  });
}
