/**
 * Addresses that files are fetched from. Only `https:` is, so that nobody on the way can put another file in its place;
 * `http:` is for servers on the machine itself.
 */
import { DinogradError } from "../../platform/errors.ts";

/** Whether a text names something to be fetched rather than a file. */
export function isAddress(text: string): boolean {
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(text);
}

/** Hosts that are this machine. */
function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127(\.\d+){3}$/.test(hostname);
}

/** Whether files may be fetched from there. */
export function isAllowed({ protocol, hostname }: URL): boolean {
  return protocol === "https:" || (protocol === "http:" && isLoopback(hostname));
}

/**
 * Reads an address.
 * @throws {DinogradError} of kind "usage" where it is none, is not encrypted, or has a password in it
 */
export function parseAddress(text: string): URL {
  let url: URL;
  try {
    url = new URL(text);
  } catch (cause) {
    throw new DinogradError("usage", `${text}: expected an address such as https://HOST/FILE.pth`, { cause });
  }
  if (!isAllowed(url)) {
    throw new DinogradError("usage", `${shownAddress(url)}: expected an https: address but found ${url.protocol}`);
  }
  if (url.username !== "" || url.password !== "") {
    throw new DinogradError("usage", `${shownAddress(url)}: expected an address without a password but found one`);
  }
  url.hash = "";
  return url;
}

/** An address as messages and records have it: without the query, which may be a signature, and without a password. */
export function shownAddress({ protocol, host, pathname }: URL): string {
  return `${protocol}//${host}${pathname}`;
}

/** Bytes of the longest name of a file that is made of an address; most systems take 255, and more is added to it. */
const LONGEST_NAME = 150;

/** What the file of an address is called: its last part, of characters that every file system takes. */
export function fileNameOfAddress({ pathname }: URL): string {
  const last = pathname.split("/").findLast((part) => part !== "") ?? "";
  const plain = last.replaceAll(/%[0-9a-f]{2}|[^\w.+-]/gi, "_").replace(/^\.+/, "");
  return plain.slice(-LONGEST_NAME) || "checkpoint";
}
