import { Buffer } from "node:buffer";
import { sha256 } from "#platform/crypto.ts";

// Events and pictures are named by UUIDs: the columns that collectors of events have in ClickHouse hold nothing else.

export const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

const dashed = (hex: string): string => hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12}).*$/, "$1-$2-$3-$4-$5");

/** An id that begins with its time (RFC 9562, version 7), so that a listing in R2 has the oldest first. */
export function timedId(now: Date): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  const hex = now.getTime().toString(16).padStart(12, "0") + Buffer.from(bytes).toString("hex").slice(12);
  return dashed(`${hex.slice(0, 12)}7${hex.slice(13, 16)}${variant(hex)}${hex.slice(17)}`);
}

/** When a `timedId` was made; undefined for any other id. */
export function timeOf(id: string): Date | undefined {
  if (!UUID.test(id) || id[14] !== "7") return undefined;
  return new Date(Number.parseInt(id.replace("-", "").slice(0, 12), 16));
}

/** The same id for the same text, always (RFC 9562, version 8). */
export function idFrom(text: string): string {
  const hex = sha256(text);
  return dashed(`${hex.slice(0, 12)}8${hex.slice(13, 16)}${variant(hex)}${hex.slice(17)}`);
}

const variant = (hex: string): string => "89ab"[Number.parseInt(hex[16]!, 16) % 4]!;

/** The UUID of an id of older rows, sixteen bytes in base64url; a UUID is its own. */
export function asUuid(id: string): string {
  if (UUID.test(id)) return id;
  const hex = Buffer.from(id, "base64url").toString("hex");
  return hex.length === 32 ? dashed(hex) : idFrom(id);
}
