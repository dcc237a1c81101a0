import type { Env } from "#env.ts";
import { database } from "#platform/db.ts";
import { AppError } from "#platform/errors.ts";
import { fileKey } from "./files.ts";
import { PART_BYTES, PartWriter, SourceChanged } from "./part-writer.ts";
import { noteProgress } from "./queries.ts";
import { Hopeless, openSource, type Source } from "./source.ts";
import type { Fragment, Part } from "./tables.ts";

/** Longer than a stall and the sending of a part, so that only a dead owner loses its fragment. */
export const LEASE_MS = 45_000;
/** A slow server may take longer than that for a part: meanwhile the lease is made longer. */
const RENEW_MS = 10_000;
const MAX_BYTES = 2 * 1024 * 1024 * 1024;

/** The row is somebody else's by now. */
export class Disowned extends Error {
  override name = "Disowned";
}

/**
 * Loads the file of a claimed fragment into R2 and returns its size. Each part is noted in D1, so that another attempt goes on
 * behind it. Throws Hopeless, `unavailable` for what may yet come, and SourceChanged when the next attempt must begin anew.
 */
export async function loadFile(env: Env, fragment: Fragment, now: Date): Promise<number> {
  const key = fileKey(fragment.operator, fragment.id);
  if (fragment.uploadId !== null) {
    // Put together already, and only the row does not know.
    const done = await env.FILES.head(key);
    if (done) return done.size;
  }
  // A last part may be smaller than the others, and is so only at the end.
  const known = fragment.parts.filter(({ size }) => size === PART_BYTES);
  const source = await openSource(env, fragment, known.length * PART_BYTES, now);
  try {
    await note(env, fragment, {});
    const upload = await uploadFor(env, fragment, key, source);
    const parts = await store(env, fragment, { upload, known, source });
    await upload.complete(parts.map(({ etag }, i) => ({ partNumber: i + 1, etag })));
    return sizeOf(parts);
  } finally {
    source.cancel();
  }
}

const sizeOf = (parts: readonly Part[]) => parts.reduce((sum, { size }) => sum + size, 0);

async function uploadFor(env: Env, fragment: Fragment, key: string, source: Source): Promise<R2MultipartUpload> {
  if (fragment.uploadId !== null && fragment.sourceEtag === source.etag)
    return env.FILES.resumeMultipartUpload(key, fragment.uploadId);
  if (fragment.uploadId !== null) throw new SourceChanged("the media server has another file");
  await env.FILES.delete(key); // of an earlier life of this fragment
  const upload = await env.FILES.createMultipartUpload(key, { httpMetadata: { contentType: "video/mp4" } });
  await note(env, fragment, { uploadId: upload.uploadId, sourceEtag: source.etag, parts: [] });
  return upload;
}

interface Storing {
  upload: R2MultipartUpload;
  known: readonly Part[];
  source: Source;
}

async function store(env: Env, fragment: Fragment, { upload, known, source }: Storing): Promise<Part[]> {
  const announced = announcedBytes(source.headers);
  if (source.offset + (announced ?? 0) > MAX_BYTES) throw new Hopeless("the file is too large");
  const keep = (parts: Part[]) => note(env, fragment, { parts });
  const writer = new PartWriter(upload, { known, skipped: source.offset / PART_BYTES, keep });
  let [taken, renewed] = [0, Date.now()];
  for await (const chunk of source.chunks) {
    taken += chunk.byteLength;
    if (source.offset + taken > MAX_BYTES) throw new Hopeless("the file is too large");
    await writer.write(chunk);
    if (Date.now() - renewed < RENEW_MS) continue;
    await note(env, fragment, {});
    renewed = Date.now();
  }
  if (announced !== undefined && taken !== announced) throw new AppError("unavailable", "the file broke off");
  if (source.offset + taken === 0) throw new AppError("unavailable", "the file was empty");
  return writer.end();
}

/** How many bytes are to come; undefined where that is not told, or told of a compressed form. */
function announcedBytes(headers: Headers): number | undefined {
  const length = headers.get("content-length");
  return length === null || headers.has("content-encoding") ? undefined : Number(length);
}

/** Writes what has been done, and keeps the fragment for as long again. */
async function note(env: Env, fragment: Fragment, change: Parameters<typeof noteProgress>[2]): Promise<void> {
  const nextAttemptAt = new Date(Date.now() + LEASE_MS);
  const [still] = await noteProgress(database(env), fragment, { ...change, nextAttemptAt });
  if (!still) throw new Disowned("another attempt has begun");
}
