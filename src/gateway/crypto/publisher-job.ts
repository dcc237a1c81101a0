import { Buffer } from "node:buffer";
import { randomBytes } from "node:crypto";
import { spacedJson } from "../spaced-json.ts";
import { cbcSeal } from "./aes-cbc.ts";

/** What a publisher needs to send one message in a user's name. */
export interface PublisherJob {
  username: string;
  token: unknown;
  uniqueId: string;
  phoneNumber_hash: string;
  /** The whole text of the SMS, its letter included. */
  data: string;
  platform_name: string;
}

/** A job as the publisher's queue carries it: base64 of the IV and the ciphertext. `envKey`: PUBLISHER_ENCRYPTION_KEY of any length. */
export function sealJob(envKey: string, job: PublisherJob, iv: Uint8Array = randomBytes(16)): string {
  const { username, token, uniqueId, phoneNumber_hash, data, platform_name } = job;
  const plain = spacedJson({ username, token, uniqueId, phoneNumber_hash, data, platform_name });
  return Buffer.concat([iv, cbcSeal(keyOf(envKey), iv, plain)]).toString("base64");
}

const keyOf = (envKey: string): Buffer => Buffer.from(envKey.padEnd(32, "0")).subarray(0, 32);
