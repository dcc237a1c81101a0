import { createExecutionContext, createMessageBatch, env, getQueueResult } from "cloudflare:test";
import { vi } from "vitest";
import type { Env } from "#env.ts";
import { deliverFragments } from "#premises/archive/delivery.ts";
import { prepareFragment } from "#premises/archive/fragments.ts";
import { PART_BYTES } from "#premises/archive/part-writer.ts";
import type { Fragment } from "#premises/archive/tables.ts";
import { aHome, aPhone, aResident, outside } from "../support/world.ts";

export const MINUTE = 60_000;

/** Two parts: a whole one and a bit. */
export const FILE = noise(PART_BYTES + 1_200_345);

/** Bytes of which no two stretches are alike. */
function noise(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0, state = 1; i < length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

/** An environment whose queue only remembers: the real one would call the real consumer behind the test's back. */
export function quiet(vars: Partial<Record<string, unknown>> = {}) {
  const queued: { id: number }[] = [];
  const ARCHIVE = {
    send: async (job: { id: number }) => void queued.push(job),
    sendBatch: async (jobs: Iterable<{ body: { id: number } }>) =>
      void queued.push(...[...jobs].map(({ body }) => body)),
  };
  return { env: { ...env, ARCHIVE, MEDIA_HOSTS: "vd.example.net,vd2.example.net", ...vars } as unknown as Env, queued };
}

/** Somebody with a camera who wants five minutes of an hour ago, with a queue that only remembers. */
export async function aRequest(vars: Partial<Record<string, unknown>> = {}) {
  const phone = aPhone();
  const resident = await aResident({ phone });
  const home = await aHome({ phones: [phone] });
  const { env: quietEnv, queued } = quiet(vars);
  const from = new Date(Math.floor(Date.now() / 1000) * 1000 - 60 * MINUTE);
  const stretch = { cameraId: home.camera.deviceId, from, to: new Date(from.getTime() + 5 * MINUTE) };
  const id = await prepareFragment(quietEnv, resident, stretch);
  return { env: quietEnv, queued, resident, home, stretch, id };
}

export const rowOf = (id: number) =>
  env.DB.prepare("SELECT * FROM fragments WHERE id = ?")
    .bind(id)
    .first<
      Record<"state" | "error" | "upload_id" | "parts" | "source_etag" | "server_type", string | null> & Numbers
    >();
type Numbers = Record<"attempts" | "size" | "next_attempt_at" | "expires_at" | "from_s" | "to_s" | "device_id", number>;

/** Gives the consumer this fragment, as if its time had come. */
export async function deliver(to: Env, id: number): Promise<{ acked: number; retried: number }> {
  await env.DB.prepare("UPDATE fragments SET next_attempt_at = 0 WHERE id = ? AND state = 'queued'").bind(id).run();
  const batch = createMessageBatch("archive", [{ id: `${id}`, timestamp: new Date(), attempts: 1, body: { id } }]);
  const context = createExecutionContext();
  await deliverFragments(batch, to);
  const { explicitAcks, retryMessages } = await getQueueResult(batch, context);
  return { acked: explicitAcks.length, retried: retryMessages.length };
}

export const keptFile = async (id: number): Promise<Uint8Array | undefined> => {
  const object = await env.FILES.get(`fragments/main/${id}.mp4`);
  return object ? new Uint8Array(await object.arrayBuffer()) : undefined;
};

export const isEqual = (a: Uint8Array | undefined, b: Uint8Array): boolean =>
  a !== undefined && Buffer.from(a).equals(Buffer.from(b));

interface Server {
  file?: Uint8Array;
  etag?: string;
  /** Whether Range is understood. */
  ranges?: boolean;
  /** The connection breaks after so many bytes of an answer. */
  breaksAfter?: number | undefined;
}

/** A media server with one file; what it is can change between two calls. */
export function aMediaServer(start: Server = {}) {
  const server: Server & { asked: Request[] } = { file: FILE, ranges: true, asked: [], ...start };
  const world = outside((request) => {
    server.asked.push(request);
    return serve(server, request);
  });
  return Object.assign(server, { world });
}

function serve({ file = FILE, etag, ranges, breaksAfter }: Server, request: Request): Response {
  const wanted = ranges ? /^bytes=(\d+)-$/.exec(request.headers.get("range") ?? "") : null;
  const condition = request.headers.get("if-range");
  const isSame = condition === null || condition === etag;
  const start = wanted && isSame ? Number(wanted[1]) : 0;
  const headers = new Headers({ "content-type": "video/mp4", ...(etag !== undefined && { etag }) });
  if (wanted && isSame && start >= file.byteLength) {
    headers.set("content-range", `bytes */${file.byteLength}`);
    return new Response(null, { status: 416, headers });
  }
  const status = wanted && isSame ? 206 : 200;
  if (status === 206) headers.set("content-range", `bytes ${start}-${file.byteLength - 1}/${file.byteLength}`);
  headers.set("content-length", String(file.byteLength - start));
  return new Response(streamOf(file.subarray(start), breaksAfter), { status, headers });
}

const PIECE = 256 * 1024;

function streamOf(bytes: Uint8Array, breaksAfter = Number.POSITIVE_INFINITY): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      const end = Math.min(bytes.byteLength, at + PIECE);
      if (at >= breaksAfter) controller.error(new Error("connection reset"));
      else if (at === bytes.byteLength) controller.close();
      else controller.enqueue(bytes.slice(at, end));
      at = end;
    },
  });
}

export const hush = () => vi.spyOn(console, "error").mockImplementation(() => {});
export type { Fragment };
