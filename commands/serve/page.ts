/** The page to try the server with: one file, which asks nobody else for anything, and a policy that holds it to that. */
import text from "./page.html" with { type: "text" };

export interface Page {
  readonly html: string;
  /** Its Content-Security-Policy: its own script and style, by their digests, pictures of its own, and this server. */
  readonly policy: string;
}

export async function page(): Promise<Page> {
  const [script, style] = await Promise.all(["script", "style"].map((tag) => digestsOf(text, tag)));
  const policy = [
    "default-src 'none'",
    `script-src ${script}`,
    `style-src ${style}`,
    "img-src data: blob:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ];
  return { html: text, policy: policy.join("; ") };
}

/** The contents of elements as a policy names them. */
async function digestsOf(html: string, tag: string): Promise<string> {
  const contents = [...html.matchAll(new RegExp(`<${tag}>([\\s\\S]*?)</${tag}>`, "g"))].map(([, content]) => content);
  const digests = await Promise.all(contents.map(async (content) => {
    const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(content));
    return `'sha256-${btoa(String.fromCharCode(...new Uint8Array(digest)))}'`;
  }));
  return digests.join(" ");
}
