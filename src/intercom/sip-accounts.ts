import { type Env, settings } from "#env.ts";
import { database } from "#platform/db.ts";
import { secretsOf } from "#premises/device-secrets.ts";
import { numbersOf, subscriberOf } from "./number-plan.ts";
import { sipDevice, sipDevices } from "./queries.ts";
import type { SipAccount } from "./realtime-objects.ts";

/** How long a phone's extension lives, in seconds: the ringing, and the registration of the app before it. */
const EXTENSION_SECONDS = 180;

/** The account behind a SIP number, with its password in clear; undefined when the number is nobody's. */
export async function sipAccount(env: Env, number: string): Promise<SipAccount | undefined> {
  const subscriber = subscriberOf(number);
  if (!subscriber) return undefined;
  if ("extension" in subscriber) return mobileAccount(env, subscriber.extension);
  const device = await sipDevice(database(env), settings(env).OPERATOR, subscriber);
  if (!device) return undefined;
  const { sippassword } = await secretsOf(env, device);
  const [id = ""] = number.trim().split("@");
  return { id, password: sippassword, isMobile: false };
}

/** The accounts of all panels and monitors. Phones are not among them: theirs live for one call. */
export async function sipAccounts(env: Env): Promise<SipAccount[]> {
  const rows = await sipDevices(database(env), settings(env).OPERATOR);
  const accounts = rows.map(async (device) => {
    const { sippassword } = await secretsOf(env, device);
    return numbersOf(device).map((id) => ({ id, password: sippassword, isMobile: false }));
  });
  return (await Promise.all(accounts)).flat();
}

/** Lets a phone register under this number for the time of one call. */
export async function makeExtension(env: Env, extension: string, password: string): Promise<void> {
  await objectFor(env, extension).make(password, EXTENSION_SECONDS);
}

async function mobileAccount(env: Env, extension: string): Promise<SipAccount | undefined> {
  const password = await objectFor(env, extension).password();
  return password === undefined ? undefined : { id: extension, password, isMobile: true };
}

const objectFor = (env: Env, extension: string) =>
  env.TEMPORARY_EXTENSIONS.getByName(`${settings(env).OPERATOR}:${extension}`);
