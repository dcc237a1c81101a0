import { AppError } from "./errors.ts";

export interface Download {
  status: number;
  headers: Headers;
  /** The body piece by piece. Throws AppError `unavailable` when it stalls, breaks off or takes too long. */
  chunks: AsyncIterable<Uint8Array>;
  /** Ends the connection; for whoever does not read to the end. */
  cancel(): void;
}

interface DownloadOptions {
  headers?: Record<string, string>;
  /** For all of it, in ms. */
  timeLimitMs: number;
  /** For the headers, and from one piece to the next, in ms. */
  stallLimitMs: number;
}

/**
 * Begins a download from an outside system that is too large to be held in memory. Redirects are answers: they would leave
 * the checked host. Throws AppError `unavailable` when no answer comes.
 */
export async function download(
  url: URL,
  { headers = {}, timeLimitMs, stallLimitMs }: DownloadOptions,
): Promise<Download> {
  const control = new AbortController();
  const whole = setTimeout(() => control.abort(new Error("too slow")), timeLimitMs);
  const silent = (cause: unknown) => new AppError("unavailable", `${url.hostname} does not answer`, { cause });
  const cancel = () => {
    clearTimeout(whole);
    control.abort(new Error("not wanted any more"));
  };
  /** Waits no longer than the stall limit. */
  const soon = async <T>(work: Promise<T>): Promise<T> => {
    const stall = setTimeout(() => control.abort(new Error("stalled")), stallLimitMs);
    try {
      return await work;
    } catch (cause) {
      cancel();
      throw silent(cause);
    } finally {
      clearTimeout(stall);
    }
  };
  const response = await soon(fetch(url, { headers, redirect: "manual", signal: control.signal }));
  async function* chunks() {
    const reader = response.body?.getReader();
    for (let ended = !reader; !ended; ) {
      const { done, value } = await soon(reader!.read());
      if (value) yield value;
      ended = done;
    }
    clearTimeout(whole);
  }
  return { status: response.status, headers: response.headers, chunks: chunks(), cancel };
}
