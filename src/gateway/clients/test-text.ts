import { hmac, type Keyring, keyFor, sameText } from "#platform/crypto.ts";
import { openTestSms, sealTestSms, testKeys } from "../crypto/test-sms.ts";
import type { ReliabilityTest } from "./tables.ts";

/** How long a test SMS may be on its way, and a test be running. */
export const TEST_LIFE_MS = 15 * 60_000;
/** Generous for what has 88 characters and may have got line breaks. */
const LONGEST = 200;

type Test = Pick<ReliabilityTest, "id" | "msisdn">;

/** The text of a test's SMS: its own id and the client's number, encrypted. */
export const textOfTest = (ring: Keyring, test: Test): string => textBy(testKeys(ring)[0]!, test);

/**
 * The test whose SMS this is. CBC has no check of its own, and with another IV an old SMS would say another id; but the IV is made from
 * what the text says, so that only the very text that we wrote counts.
 */
export function testIn(ring: Keyring, text: string): Test | undefined {
  if (text.length > LONGEST) return undefined;
  const written = text.replace(/[^A-Za-z0-9+/=]/g, "");
  for (const key of testKeys(ring)) {
    const opened = openTestSms(key, written);
    const test = opened && { id: opened.test_id, msisdn: opened.msisdn };
    if (test && sameText(textBy(key, test), written)) return test;
  }
  return undefined;
}

const textBy = (key: Uint8Array, { id, msisdn }: Test): string =>
  sealTestSms(key, { test_id: id, msisdn }, hmac(keyFor(key, "iv"), `${id} ${msisdn}`).subarray(0, 16));
