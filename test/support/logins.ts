import { env } from "cloudflare:test";
import { expect, vi } from "vitest";
import { type Env, settings } from "#env.ts";
import { accountOf } from "#identity/accounts/accounts.ts";
import { insertIdentifier, setPassword } from "#identity/accounts/queries.ts";
import { newId, randomId } from "#platform/crypto.ts";
import { database } from "#platform/db.ts";
import { hashPassword } from "#platform/passwords.ts";
import { aClient, shield } from "./shield.ts";
import { aPhone, type Outside } from "./world.ts";

// People who can sign in to /shield/v1, and what they send to do it.

export const GOOD = "правильная лошадь, батарейка и скоба";

/** An address that nobody else has. */
export const anAddress = () => `${randomId(9).toLowerCase()}@example.net`;

/** No waiting between two codes. */
export const HASTY = { OTP_RESEND_GAPS: "0,0,0,0,0" };

let hashed: Promise<string> | undefined;

export interface Member {
  account: string;
  operator: string;
  phone: string;
  email: string;
  client: string;
}

/** An active account with a phone, and what else is asked for. `client` is a first-party client of its operator. */
export async function aMember({
  password = false as boolean | string,
  email = false,
  operator = "main",
  otpLength = 6,
  phone = aPhone(),
  now = new Date(),
} = {}): Promise<Member> {
  const db = database(env);
  const { id } = await accountOf(env, operator, { type: "phone", value: phone }, now);
  const address = anAddress();
  if (email)
    await insertIdentifier(db, {
      ...{ operator, id: newId("idn"), type: "email", value: address },
      ...{ accountId: id, verifiedAt: now, createdAt: now },
    });
  if (password) {
    hashed ??= hashPassword(GOOD, settings(env).PEPPERS);
    await setPassword(db, operator, id, typeof password === "string" ? password : await hashed, now);
  }
  const client = await aClient({ operator, otpLength });
  return { account: id, operator, phone, email: address, client: client.id };
}

/** An operator with parameters of its own. */
export async function anOperator(params: Record<string, unknown> = {}): Promise<string> {
  const id = `op-${randomId(6)}`;
  await env.DB.prepare(
    "INSERT INTO operators (operator, name, country, lang, params, created_at, updated_at) VALUES (?, 'Test', 'RU', 'en', ?, 0, 0)",
  )
    .bind(id, JSON.stringify(params))
    .run();
  return id;
}

interface With {
  env?: Env;
  headers?: Record<string, string>;
}

export const logIn = (body: Record<string, unknown>, options: With = {}) =>
  shield("/auth/login", { json: body, ...options });

export const byPassword = ({ client, phone }: Pick<Member, "client" | "phone">, password = GOOD, options: With = {}) =>
  logIn({ client_id: client, method: "password", login: `+${phone}`, password }, options);

/** Asks for a code and returns the challenge's id. */
export async function askCode(client: string, login: string, more: Record<string, unknown> = {}, options: With = {}) {
  const response = await shield("/auth/challenges", { json: { client_id: client, login, ...more }, ...options });
  return { response, id: (await response.clone().json<{ challenge_id: string }>()).challenge_id };
}

/** Signs in with a code by SMS. */
export async function bySms(world: Outside, { client, phone }: Pick<Member, "client" | "phone">, options: With = {}) {
  const sent = world.smsTo(phone).length;
  const { id } = await askCode(client, `+${phone}`, {}, options);
  await vi.waitFor(() => expect(world.smsTo(phone).length).toBeGreaterThan(sent), { timeout: 5_000, interval: 10 });
  const code = await world.codeFor(phone);
  return logIn({ client_id: client, method: "sms", login: `+${phone}`, challenge_id: id, code }, options);
}

/** Reads the mails that development prints. */
export function mailbox() {
  const log = vi.spyOn(console, "log").mockImplementation(() => {});
  const textsTo = (address: string): string[] =>
    log.mock.calls.flatMap(([line]) => {
      if (typeof line !== "string" || !line.includes('"channel":"email"')) return [];
      const mail = JSON.parse(line) as { to: string; text: string };
      return mail.to === address ? [mail.text] : [];
    });
  return {
    textsTo,
    codeFor: (address: string) =>
      vi.waitFor(() => /\d{4,6}$/.exec(textsTo(address).at(-1) ?? "no mail")![0], { timeout: 5_000, interval: 10 }),
  };
}

/** How many sessions the subject has ever had. */
export const sessionsOf = async (subject: string): Promise<number> =>
  (await env.DB.prepare("SELECT count(*) AS n FROM sessions WHERE subject_id = ?").bind(subject).first<number>("n")) ??
  0;
