/** Pictures out of a request: as its body, or as the files of a form. Nothing larger or slower than allowed is read. */
import { RequestProblem } from "./problem.ts";

export interface UploadedImage {
  /** What the client calls it; used in answers alone, and never as a path. */
  readonly name: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

interface Upload {
  readonly images: readonly UploadedImage[];
  /** The field `threshold` of a form, as it stands. */
  readonly threshold: string | null;
}

/** What an upload may cost. */
export interface UploadLimits {
  /** Bytes of a request's body. */
  readonly bytes: number;
  /** Until all of it is there. */
  readonly milliseconds: number;
}

/** How many files a form may have: each is an entry of the answer, however small it is. */
const MOST_FILES = 16;
/** Characters of a name that are kept. */
const LONGEST_NAME = 200;
/** What a body without a name of its own is called. */
const NAMELESS = "upload";

/** Bodies that are a picture; `curl --data-binary` calls everything a form's text. */
const RAW = /^(image\/[\w.+-]+|application\/octet-stream|binary\/octet-stream|application\/x-www-form-urlencoded)$/;
const FORM = "multipart/form-data";

/** @throws RequestProblem (413, 415) where headers alone say that the body is of no use */
export function checkHead({ headers }: Request, { bytes }: UploadLimits): void {
  const type = typeOf(headers);
  if (type !== "" && type !== FORM && !RAW.test(type)) {
    throw new RequestProblem(415, `expected an image or ${FORM} as the body but found the type ${shown(type)}`);
  }
  const coding = headers.get("content-encoding")?.trim().toLowerCase() ?? "identity";
  if (coding !== "identity") {
    throw new RequestProblem(415, `expected a body as it is but found the encoding ${shown(coding)}`);
  }
  const length = Number(headers.get("content-length") ?? 0);
  if (length > bytes) throw tooLarge(bytes, length);
}

/**
 * Reads a body to its end.
 * @throws RequestProblem (413, 408, 400) where it is larger than allowed, comes too slowly, or ends early
 */
export async function readBody(request: Request, { bytes: most, milliseconds }: UploadLimits) {
  const parts: Uint8Array[] = [];
  let length = 0;
  const reader = request.body?.getReader();
  const slow = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => slow.reject(new RequestProblem(408, `expected all of the body within ${milliseconds / 1000} s`)),
    milliseconds,
  );
  try {
    while (reader) {
      const { done, value } = await Promise.race([reader.read(), slow.promise]);
      if (done) break;
      length += value.length;
      if (length > most) throw tooLarge(most);
      parts.push(value);
    }
  } catch (error) {
    reader?.cancel().catch(() => {}); // nobody waits for the rest
    if (error instanceof RequestProblem) throw error;
    throw new RequestProblem(400, "expected all of the body but it ended early");
  } finally {
    clearTimeout(timer);
  }
  const body = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    body.set(part, at);
    at += part.length;
  }
  return body;
}

/**
 * The pictures in a body.
 * @throws RequestProblem (400) where there is none, or the form is none
 */
export async function unpack({ headers }: Request, body: Uint8Array<ArrayBuffer>): Promise<Upload> {
  if (body.length === 0) throw new RequestProblem(400, "expected an image but found an empty body");
  if (typeOf(headers) !== FORM) return { images: [{ name: NAMELESS, bytes: body }], threshold: null };
  const form = await parseForm(headers.get("content-type") ?? "", body);
  const files = [...form.values()].filter((value) => value instanceof File);
  if (files.length === 0) throw new RequestProblem(400, "expected a file in the form but found none");
  if (files.length > MOST_FILES) {
    throw new RequestProblem(400, `expected at most ${MOST_FILES} files in the form but found ${files.length}`);
  }
  const images: UploadedImage[] = [];
  for (const file of files) {
    images.push({ name: file.name.slice(0, LONGEST_NAME) || NAMELESS, bytes: await file.bytes() });
  }
  const threshold = form.get("threshold");
  return { images, threshold: typeof threshold === "string" ? threshold : null };
}

async function parseForm(type: string, body: Uint8Array<ArrayBuffer>): Promise<FormData> {
  try {
    return await new Response(body, { headers: { "Content-Type": type } }).formData();
  } catch {
    throw new RequestProblem(400, `expected ${FORM} but found a body that is none`);
  }
}

const typeOf = (headers: Headers) => (headers.get("content-type") ?? "").split(";")[0].trim().toLowerCase();

const shown = (text: string) => JSON.stringify(text.slice(0, 100));

function tooLarge(most: number, length?: number): RequestProblem {
  const found = length === undefined ? "more" : String(length);
  return new RequestProblem(413, `expected at most ${most} bytes but found ${found} (--max_upload allows more)`);
}
