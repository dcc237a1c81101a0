import type { Env } from "#env.ts";
import { AppError } from "./errors.ts";

// Pictures and films in R2. Who may have one is decided by its link (signed-links.ts) or by the caller.

/** Keeps a file under this key. A repetition replaces it. */
export async function keepFile(
  env: Env,
  key: string,
  body: ArrayBuffer | Uint8Array,
  contentType: string,
): Promise<void> {
  await env.FILES.put(key, body, { httpMetadata: { contentType } });
}

export async function dropFiles(env: Env, keys: readonly string[]): Promise<void> {
  for (let start = 0; start < keys.length; start += 1000) await env.FILES.delete(keys.slice(start, start + 1000));
}

interface Served {
  /** The name under which a browser keeps it; without one it is shown. */
  download?: string | undefined;
  /** How long a browser may keep it, in seconds. */
  maxAge?: number;
}

/**
 * The file as an answer, with its ETag; `Range` (RFC 9110, one range of bytes) is answered 206, or 416 where it lies outside.
 * HEAD gets the headers alone. Throws `not_found`.
 */
export async function serveFile(
  env: Env,
  request: Request,
  key: string,
  { download, maxAge = 3600 }: Served = {},
): Promise<Response> {
  const head = request.method === "HEAD";
  const missing = () => new AppError("not_found", "There is no such file");
  const wanted = request.headers.get("range");
  if (head || wanted) {
    const known = await env.FILES.head(key);
    if (!known) throw missing();
    const headers = headersOf(known, { download, maxAge });
    const range = wanted && rangeOf(wanted, known.size);
    if (wanted && range === "outside") {
      headers.set("Content-Range", `bytes */${known.size}`);
      return new Response(null, { status: 416, headers });
    }
    if (head) {
      headers.set("Content-Length", String(known.size));
      return new Response(null, { headers });
    }
    if (range && range !== "outside") {
      const part = await env.FILES.get(key, { range });
      if (!part) throw missing();
      headers.set("Content-Range", `bytes ${range.offset}-${range.offset + range.length - 1}/${known.size}`);
      headers.set("Content-Length", String(range.length));
      return new Response(part.body, { status: 206, headers });
    }
  }
  const file = await env.FILES.get(key);
  if (!file) throw missing();
  const headers = headersOf(file, { download, maxAge });
  headers.set("Content-Length", String(file.size));
  return new Response(file.body, { headers });
}

function headersOf(file: R2Object, { download, maxAge = 0 }: Served): Headers {
  const headers = new Headers({
    ETag: file.httpEtag,
    "Accept-Ranges": "bytes",
    "Cache-Control": `private, max-age=${maxAge}`,
  });
  headers.set("Content-Type", file.httpMetadata?.contentType ?? "application/octet-stream");
  headers.set("X-Content-Type-Options", "nosniff");
  if (download) headers.set("Content-Disposition", `attachment; filename*=UTF-8''${encodeURIComponent(download)}`);
  return headers;
}

/** The one range that is asked for; undefined where the header asks for nothing that we know (it is then ignored). */
function rangeOf(header: string, size: number): { offset: number; length: number } | "outside" | undefined {
  const [, from = "", to = ""] = /^bytes=(\d*)-(\d*)$/.exec(header.trim()) ?? [];
  if (from === "" && to === "") return undefined;
  const offset = from === "" ? Math.max(0, size - Number(to)) : Number(from);
  const end = from === "" || to === "" ? size - 1 : Math.min(Number(to), size - 1);
  return offset >= size || end < offset ? "outside" : { offset, length: end - offset + 1 };
}
