import { Buffer } from "node:buffer";
import { type Env, settings } from "#env.ts";
import { AppError } from "#platform/errors.ts";
import { callWithCredentials, hostAllowed } from "#platform/outbound.ts";
import { secretsOf } from "../device-secrets.ts";
import type { Device } from "../tables.ts";

/** A picture as a camera gave it. */
export interface Photograph {
  bytes: Uint8Array<ArrayBuffer>;
  type: "image/jpeg" | "image/png";
}

export type PhotographedDevice = Pick<Device, "deviceId" | "uuid" | "secrets">;

const TIME_LIMIT_MS = 5_000;
const MAX_BYTES = 4 * 1024 * 1024;

/**
 * What the camera sees now, by its `camshot` URL. Throws `not_found` for a camera without one, and `unavailable` when it does not
 * answer in five seconds, answers no JPEG or PNG, more than 4 MiB, or is no host that we may call.
 */
export async function photograph(env: Env, device: PhotographedDevice): Promise<Photograph> {
  const { camshot } = await secretsOf(env, device);
  if (!camshot) throw new AppError("not_found", "This camera gives no pictures");
  const { PANEL_HOSTS, ENVIRONMENT } = settings(env);
  const url = URL.parse(camshot);
  if (!url || !hostAllowed(url, PANEL_HOSTS, ENVIRONMENT === "development"))
    throw silent(`camera ${device.deviceId}: its camshot is not in PANEL_HOSTS`);
  const response = await callWithCredentials(url, { timeLimitMs: TIME_LIMIT_MS }).catch((cause: unknown) => {
    throw silent(`camera ${device.deviceId}: no answer`, cause);
  });
  if (response.status !== 200) {
    await response.body?.cancel();
    throw silent(`camera ${device.deviceId}: HTTP ${response.status}`);
  }
  const bytes = await bytesOf(response, device.deviceId);
  const type = typeOf(bytes);
  if (!type) throw silent(`camera ${device.deviceId}: no picture`);
  return { bytes, type };
}

async function bytesOf(response: Response, deviceId: number): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array[] = [];
  let taken = 0;
  try {
    for await (const part of response.body ?? []) {
      taken += part.byteLength;
      if (taken > MAX_BYTES) break; // and with it the connection
      parts.push(part);
    }
  } catch (cause) {
    throw silent(`camera ${deviceId}: broke off`, cause);
  }
  if (taken > MAX_BYTES) throw silent(`camera ${deviceId}: a picture above ${MAX_BYTES} bytes`);
  return new Uint8Array(Buffer.concat(parts));
}

/** By the first bytes: what a camera says about its answers is often wrong. */
function typeOf(bytes: Uint8Array): Photograph["type"] | undefined {
  const begins = (...magic: number[]) => magic.every((byte, i) => bytes[i] === byte);
  if (begins(0xff, 0xd8, 0xff)) return "image/jpeg";
  return begins(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a) ? "image/png" : undefined;
}

const silent = (message: string, cause?: unknown) =>
  new AppError("unavailable", message, { reason: "camera_silent", cause });
