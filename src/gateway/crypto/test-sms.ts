import { Buffer } from "node:buffer";
import { randomBytes } from "node:crypto";
import * as z from "zod";
import { type Keyring, keyFor } from "#platform/crypto.ts";
import { spacedJson } from "../spaced-json.ts";
import { cbcOpen, cbcSeal } from "./aes-cbc.ts";
import { bytesOfBase64 } from "./base64.ts";
import { utf8Of } from "./utf8.ts";

// The SMS with which a gateway client is tested: base64 of the IV and the ciphertext, one layer only.

const TestSms = z.object({ test_id: z.int().positive(), msisdn: z.string().max(32) });
export type TestSms = z.output<typeof TestSms>;

/** The keys of test SMS, out of MASTER_KEY: the first one seals, every one opens. No other secret serves them. */
export const testKeys = (ring: Keyring): Buffer[] => ring.kids.map((kid) => keyFor(ring.find(kid)!, "gateway-test"));

/** The text of a test SMS. `key`: 32 bytes. */
export function sealTestSms(key: string | Uint8Array, test: TestSms, iv: Uint8Array = randomBytes(16)): string {
  const plain = spacedJson({ test_id: test.test_id, msisdn: test.msisdn });
  return Buffer.concat([iv, cbcSeal(key, iv, plain)]).toString("base64");
}

/** What a test SMS says; undefined for any other SMS. */
export function openTestSms(key: string | Uint8Array, text: string): TestSms | undefined {
  const bytes = bytesOfBase64(text);
  const plain = bytes && utf8Of(cbcOpen(key, bytes.subarray(0, 16), bytes.subarray(16)));
  if (plain === undefined) return undefined;
  try {
    return TestSms.safeParse(JSON.parse(plain)).data;
  } catch {
    return undefined;
  }
}
