import { Buffer } from "node:buffer";
import { AppError } from "./errors.ts";

/** What a phone's photo may weigh. */
export const MAX_PHOTO_BYTES = 8 * 1024 * 1024;

export interface Photo {
  bytes: Uint8Array;
  type: "image/jpeg" | "image/png";
  extension: "jpg" | "png";
}

const KINDS = [
  { type: "image/jpeg", extension: "jpg", magic: "ffd8ff" },
  { type: "image/png", extension: "png", magic: "89504e470d0a1a0a" },
] as const;

/**
 * A JPEG or PNG that came as base64, with or without the head of a data URL. Throws `too_large` above 8 MiB, `invalid` for what
 * is neither: its first bytes decide, and not what it calls itself.
 */
export function photoOf(base64: string): Photo {
  const text = base64.replace(/^data:[^,]{0,100},/, "");
  if (text.length > (MAX_PHOTO_BYTES * 4) / 3 + 100_000) throw new AppError("too_large", "The picture is too large");
  return pictureOf(new Uint8Array(Buffer.from(text, "base64")));
}

/** The same for bytes. */
export function pictureOf(bytes: Uint8Array): Photo {
  if (bytes.length > MAX_PHOTO_BYTES) throw new AppError("too_large", "The picture is too large");
  const head = Buffer.from(bytes.subarray(0, 8)).toString("hex");
  const kind = KINDS.find(({ magic }) => head.startsWith(magic));
  if (!kind) throw new AppError("invalid", "This is neither a JPEG nor a PNG");
  return { bytes, type: kind.type, extension: kind.extension };
}
