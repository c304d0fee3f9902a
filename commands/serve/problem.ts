/** Requests that get no answer but a reason: a status of HTTP and one line, as JSON. */

/** Thrown where a request cannot be answered. */
export class RequestProblem extends Error {
  override readonly name = "RequestProblem";
  /** As in RFC 9110, section 15. */
  readonly status: number;
  /** More than every answer has, such as `Retry-After`. */
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, message: string, { headers = {} }: { headers?: Readonly<Record<string, string>> } = {}) {
    super(message);
    this.status = status;
    this.headers = headers;
  }
}

/** Seconds after which a client that was sent away is welcome again. */
export const RETRY_AFTER = { headers: { "Retry-After": "1" } };
