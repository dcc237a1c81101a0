import { Buffer } from "node:buffer";
import { digestAuthorization } from "./digest-auth.ts";
import { AppError } from "./errors.ts";

/** How long the outside may take, in ms, where nothing else is said. */
export const TIME_LIMIT_MS = 5_000;

interface CallOptions extends RequestInit {
  timeLimitMs?: number;
}

/**
 * One call to an outside system. Throws AppError `unavailable` when it cannot be reached or is slower than
 * the time limit; any HTTP answer is returned. Redirects are not followed: they would leave the checked host.
 */
export async function call(
  url: string | URL,
  { timeLimitMs = TIME_LIMIT_MS, ...init }: CallOptions = {},
): Promise<Response> {
  try {
    return await fetch(url, { redirect: "manual", ...init, signal: AbortSignal.timeout(timeLimitMs) });
  } catch (cause) {
    throw new AppError("unavailable", `${new URL(url).hostname} does not answer`, { cause });
  }
}

/**
 * Calls a device whose credentials stand in its URL, which `fetch` refuses: they go into the header, as
 * Basic, or as Digest (RFC 7616) when the device asks for that.
 */
export async function callWithCredentials(url: string | URL, options: CallOptions = {}): Promise<Response> {
  const bare = new URL(url);
  const [user, password] = [decodeURIComponent(bare.username), decodeURIComponent(bare.password)];
  bare.username = bare.password = "";
  if (!user && !password) return call(bare, options);

  // The limit is for both calls together.
  const { timeLimitMs = TIME_LIMIT_MS } = options;
  const started = Date.now();
  const basic = `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
  const first = await call(bare, withAuthorization(options, basic));
  const challenge = first.headers.get("www-authenticate");
  if (first.status !== 401 || !challenge) return first;
  const digest = digestAuthorization(challenge, { method: options.method ?? "GET", url: bare, user, password });
  if (!digest) return first;
  await first.body?.cancel();
  const left = Math.max(1, timeLimitMs - (Date.now() - started));
  return call(bare, { ...withAuthorization(options, digest), timeLimitMs: left });
}

function withAuthorization(options: CallOptions, value: string): CallOptions {
  const headers = new Headers(options.headers);
  headers.set("authorization", value);
  return { ...options, headers };
}

/**
 * Whether the operator allows calls to this host. `allowed` holds host names, `*.example.net`, addresses,
 * IPv4 networks (`10.0.0.0/8`) and `*` for every public host. A private, link-local or loopback address counts only when it is
 * listed as itself or by its network, so that nobody reaches the inside through a name or a typing error.
 */
export function hostAllowed(url: URL, allowed: readonly string[], development: boolean): boolean {
  if (url.protocol !== "http:" && url.protocol !== "https:") return false;
  const host = url.hostname
    .replace(/^\[|\]$/g, "")
    .replace(/\.$/, "")
    .toLowerCase();
  if (development && (host === "127.0.0.1" || host === "localhost")) return true;
  return allowed.some((entry) => matches(host, entry.toLowerCase()));
}

function matches(host: string, entry: string): boolean {
  if (entry === host) return true;
  if (entry.includes("/")) return inNetwork(host, entry);
  if (isInside(host)) return false;
  return entry === "*" || (entry.startsWith("*.") && host.endsWith(entry.slice(1)));
}

const INSIDE = [
  ["0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"],
  ["192.0.0.0/24", "192.168.0.0/16", "198.18.0.0/15", "224.0.0.0/4", "240.0.0.0/4"],
].flat();

/** True for what is not a public host: private and special addresses, any IPv6 literal, and single-label or local names. */
function isInside(host: string): boolean {
  if (host.includes(":")) return true;
  if (ipv4(host) !== undefined) return INSIDE.some((network) => inNetwork(host, network));
  return !host.includes(".") || /\.(local|localhost|internal|lan|home|arpa)$/.test(host);
}

function inNetwork(host: string, network: string): boolean {
  const [base = "", bits = "32"] = network.split("/");
  const [address, start] = [ipv4(host), ipv4(base)];
  if (address === undefined || start === undefined) return false;
  const size = 2 ** (32 - Number(bits));
  return Math.floor(address / size) === Math.floor(start / size);
}

// The URL parser has already turned 0x7f.1, 2130706433 and the like into four decimal numbers.
function ipv4(host: string): number | undefined {
  if (!/^\d+\.\d+\.\d+\.\d+$/.test(host)) return undefined;
  return host.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
}

/**
 * The text of an answer, of which no more than `maxBytes` are taken in. Throws AppError `unavailable` for a longer one, and for one
 * that breaks off or is not over within the time limit of its call.
 */
export async function answerText(response: Response, maxBytes: number): Promise<string> {
  const reader = response.body?.getReader();
  if (!reader) return "";
  const decoder = new TextDecoder();
  let text = "";
  for (let taken = 0; ; ) {
    const { done, value } = await reader.read().catch(brokenOff);
    if (done) return text + decoder.decode();
    taken += value.byteLength;
    if (taken > maxBytes) {
      await reader.cancel();
      throw new AppError("unavailable", "The answer is too long");
    }
    text += decoder.decode(value, { stream: true });
  }
}

/** The same for what is no text. */
export async function answerBytes(response: Response, maxBytes: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let taken = 0;
  const reader = response.body?.getReader();
  while (reader) {
    const { done, value } = await reader.read().catch(brokenOff);
    if (done) break;
    taken += value.byteLength;
    if (taken > maxBytes) {
      await reader.cancel();
      throw new AppError("unavailable", "The answer is too long");
    }
    parts.push(value);
  }
  return new Uint8Array(Buffer.concat(parts));
}

/** Lets go of the rest of an answer. That it breaks off meanwhile takes nothing back of its status. */
export const letGo = async ({ body }: Response): Promise<void> => body?.cancel().catch(() => undefined);

function brokenOff(cause: unknown): never {
  throw new AppError("unavailable", "The answer breaks off", { cause });
}
