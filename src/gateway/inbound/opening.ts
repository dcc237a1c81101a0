import { type Env, settings } from "#env.ts";
import { database } from "#platform/db.ts";
import { logError } from "#platform/log.ts";
import { settleTest } from "../clients/reliability.ts";
import { fingerprintOf, openSms, readSms } from "../crypto/sms.ts";
import { msisdnOf } from "../msisdn.ts";
import { openSharedKey, userByNumber } from "../users/keys.ts";
import { allowedUser } from "../users/queries.ts";
import { dropMessage, keepOpened, rememberSms } from "./queries.ts";
import { type Opened, type Received, receivedIn, sealSms } from "./sealed-sms.ts";
import type { GatewayMessage } from "./tables.ts";

interface Readable {
  userId: string;
  content: Opened;
  /** Of every place where the ciphertext could be cut off, the whole of it first. */
  fingerprints: string[];
}

/**
 * Opens a claimed SMS: what the publisher gets takes its place, in one batch with what makes a repetition known. A test, a stranger's
 * SMS, one that the user's key does not open and one that was here before are deleted without a word, and the answer is undefined.
 * Throws AppError `unavailable` while nobody can say whose number it is.
 */
export async function openReceived(env: Env, row: GatewayMessage, now: Date): Promise<GatewayMessage | undefined> {
  const db = database(env);
  const received = await receivedIn(settings(env), row);
  const readable = (await isTest(env, received, now)) ? undefined : await read(env, received);
  if (!readable) {
    await dropMessage(db, row, "received");
    return undefined;
  }
  const { userId, content, fingerprints } = readable;
  const opened = { sealed: await sealSms(settings(env), content, row.id), userId, updatedAt: now };
  const [last, ...others] = fingerprints;
  const [, kept] = await db.batch([
    rememberSms(db, row, "received", { userId, fingerprints: [last!] }, now),
    keepOpened(db, row, opened),
    dropMessage(db, row, "received"), // a repetition
    rememberSms(db, row, "opened", { userId, fingerprints: others }, now),
  ]);
  return kept.length > 0 ? { ...row, ...opened, state: "opened" } : undefined;
}

/**
 * An SMS that an earlier attempt has opened, if it still is somebody's: what those wrote who have been shut out or deleted since is deleted too,
 * and the answer is undefined.
 */
export async function stillTheirs(env: Env, row: GatewayMessage): Promise<GatewayMessage | undefined> {
  const [db, { OPERATOR }] = [database(env), settings(env)];
  if (await allowedUser(db, OPERATOR, row.userId!).get()) return row;
  await dropMessage(db, row, "opened");
  return undefined;
}

// Whatever is wrong with tests must not hold up what people write.
async function isTest(env: Env, { text, date, dateSent }: Received, now: Date): Promise<boolean> {
  try {
    return await settleTest(env, { text, date, dateSent }, now);
  } catch (error) {
    logError("reliability test not settled", (error as Error).name);
    return false;
  }
}

async function read(env: Env, { sender, text }: Received): Promise<Readable | undefined> {
  const msisdn = msisdnOf(sender, settings(env).COUNTRY);
  const user = msisdn === undefined ? undefined : await userByNumber(env, msisdn);
  if (msisdn === undefined || !user?.sharedKey) return undefined;
  const message = openSms(await openSharedKey(env, user.id, user.sharedKey), text);
  if (!message?.trim()) return undefined;
  const { ciphertext } = readSms(text)!;
  return { userId: user.id, content: { msisdn, message }, fingerprints: fingerprintsOf(ciphertext) };
}

const BLOCK = 16;

/**
 * The end of a ciphertext says which one it is, whatever was done to its beginning. Whoever also cuts off the end has another one, and
 * after some tries with a readable rest: so each block of an SMS counts as an end that was there.
 */
function fingerprintsOf(ciphertext: Uint8Array): string[] {
  const ends = Array.from({ length: ciphertext.length / BLOCK }, (_, i) => ciphertext.length - i * BLOCK);
  return ends.map((end) => fingerprintOf(ciphertext.subarray(0, end)));
}
