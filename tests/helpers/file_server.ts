/**
 * A server of files on this machine that may misbehave: it writes its answers byte by byte, so that it can cut them, stand
 * still, and tell lies that a library would correct.
 */

export interface FileRequest {
  readonly path: string;
  /** Names in small letters. */
  readonly headers: ReadonlyMap<string, string>;
}

export interface Reply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  /** Sends so many bytes of the body and closes the connection. */
  readonly cutAfter?: number;
  /** Sends so many bytes of the body and then nothing, with the connection open. */
  readonly stallAfter?: number;
}

export type Behaviour = (request: FileRequest, number: number) => Reply | Promise<Reply>;

/** Listens on a port of its own. Dispose of it. */
export class FileServer implements AsyncDisposable {
  /** What was asked so far. */
  readonly requests: FileRequest[] = [];
  readonly #listener: Deno.TcpListener;
  readonly #open = new Set<Deno.Conn>();
  readonly #behaviour: Behaviour;
  readonly #done: Promise<void>;
  readonly #address: Deno.NetAddr;

  constructor(behaviour: Behaviour) {
    this.#behaviour = behaviour;
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    this.#address = this.#listener.addr;
    this.#done = this.#listen();
  }

  get port(): number {
    return this.#address.port;
  }

  get host(): string {
    return `127.0.0.1:${this.port}`;
  }

  url(path = "/model.pth"): URL {
    return new URL(path, `http://${this.host}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    closeQuietly(this.#listener);
    for (const connection of this.#open) closeQuietly(connection);
    await this.#done;
  }

  async #listen(): Promise<void> {
    const answers: Promise<void>[] = [];
    try {
      for await (const connection of this.#listener) answers.push(this.#answer(connection));
    } catch {
      // Closed.
    }
    await Promise.all(answers);
  }

  /** One request a connection. */
  async #answer(connection: Deno.Conn): Promise<void> {
    this.#open.add(connection);
    try {
      const request = await readRequest(connection);
      this.requests.push(request);
      const reply = await this.#behaviour(request, this.requests.length);
      const { status, body = new Uint8Array(0), cutAfter, stallAfter } = reply;
      const headers = { "content-length": String(body.length), ...reply.headers, "connection": "close" };
      const head = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`).join("");
      await writeAll(connection, new TextEncoder().encode(`HTTP/1.1 ${status} Status\r\n${head}\r\n`));
      await writeAll(connection, body.subarray(0, cutAfter ?? stallAfter));
      if (stallAfter !== undefined) await connection.read(new Uint8Array(1)); // until the other side has enough of it
    } catch {
      // The other side went away.
    } finally {
      this.#open.delete(connection);
      closeQuietly(connection);
    }
  }
}

/** As a decent server gives a file: ranges of it, also under the condition that it still is the same. */
export function giveFile(
  { headers }: FileRequest,
  body: Uint8Array,
  { etag, lastModified }: { readonly etag?: string; readonly lastModified?: string } = {},
): Reply {
  const about = {
    ...(etag === undefined ? {} : { etag }),
    ...(lastModified === undefined ? {} : { "last-modified": lastModified }),
  };
  const start = /^bytes=(\d+)-$/.exec(headers.get("range") ?? "")?.[1];
  const condition = headers.get("if-range");
  if (start === undefined || (condition !== undefined && condition !== etag && condition !== lastModified)) {
    return { status: 200, headers: about, body };
  }
  if (Number(start) >= body.length) return { status: 416, headers: { "content-range": `bytes */${body.length}` } };
  const range = `bytes ${start}-${body.length - 1}/${body.length}`;
  return { status: 206, headers: { ...about, "content-range": range }, body: body.subarray(Number(start)) };
}

/** Bytes that are the same wherever they are made, and other ones for another seed. */
export function someBytes(length: number, seed = 1): Uint8Array<ArrayBuffer> {
  let state = seed;
  return Uint8Array.from({ length }, () => (state = (Math.imul(state, 1664525) + 1013904223) | 0) >>> 24);
}

async function readRequest(connection: Deno.Conn): Promise<FileRequest> {
  let text = "";
  const buffer = new Uint8Array(4096);
  while (!text.includes("\r\n\r\n")) {
    const count = await connection.read(buffer);
    if (count === null) throw new Error("no request came");
    text += new TextDecoder().decode(buffer.subarray(0, count));
  }
  const [first, ...lines] = text.split("\r\n\r\n")[0].split("\r\n");
  const headers = lines.map((line): [string, string] => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
  });
  return { path: first.split(" ")[1], headers: new Map(headers) };
}

async function writeAll(connection: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length;) done += await connection.write(bytes.subarray(done));
}

function closeQuietly(open: { close(): void }): void {
  try {
    open.close();
  } catch {
    // Closed before.
  }
}
