import * as z from "zod";
import { type Env, settings } from "#env.ts";
import { keyFor, shortMac } from "#platform/crypto.ts";
import { database } from "#platform/db.ts";
import { parsePhone } from "#platform/phones.ts";
import { askFunction } from "./billing-http.ts";
import { contractRecord } from "./queries.ts";

// The ways in which the holder of a contract can be reached, for whoever has lost its password.

/** As it is shown to a stranger: enough to recognise it, too little to use it. */
export interface ShownContact {
  id: string;
  contact: string;
  type: "phone" | "email";
}

/** Where a code goes. */
export interface Contact {
  type: "phone" | "email";
  value: string;
}

/** What can be sent to besides phones. */
interface Channels {
  mail: boolean;
}

const Shown = z.object({
  id: z.union([z.string(), z.number()]).transform(String).pipe(z.string().min(1).max(128)),
  contact: z.union([z.string(), z.number()]).transform(String).pipe(z.string().max(256)),
  type: z.enum(["phone", "email"]),
});
/** Old connectors answer the apps' whole envelope, newer ones the list. */
const Info = z.union([
  z.array(Shown),
  z.object({ data: z.array(Shown).nullish() }).transform(({ data }) => data ?? []),
  z.null().transform(() => []),
]);

/** The contacts of a contract; empty for one that nobody has, and for one without any. */
export async function contactsOf(env: Env, login: string, channels: Channels): Promise<ShownContact[]> {
  const { BILLING } = settings(env);
  if (BILLING === "legacy") return [];
  if (BILLING === "http") return askFunction(env, "getRestoreInfo", { contract: login }, Info);
  const own = await ownContacts(env, login, channels);
  return own.map(({ id, type, value }) => ({ id, contact: masked(type, value), type }));
}

const RestorePhone = z.union([z.string(), z.number()]).transform(String).nullish();

/** Where the code to this contact goes; undefined for an id that is none of the contract's. */
export async function contactBy(
  env: Env,
  { login, id }: { login: string; id: string },
  channels: Channels,
): Promise<Contact | undefined> {
  const { BILLING, COUNTRY } = settings(env);
  if (BILLING === "legacy") return undefined;
  if (BILLING === "local") return (await ownContacts(env, login, channels)).find((contact) => contact.id === id);
  const text = await askFunction(env, "getRestorePhone", { contract: login, contact_id: id }, RestorePhone);
  const phone = text ? parsePhone(text, COUNTRY) : undefined;
  return phone && { type: "phone", value: phone.digits };
}

async function ownContacts(env: Env, login: string, { mail }: Channels): Promise<(Contact & { id: string })[]> {
  const config = settings(env);
  const contract = await contractRecord(database(env), config.OPERATOR, { login });
  if (!contract) return [];
  const contacts: Contact[] = contract.phones.map((value) => ({ type: "phone", value }));
  if (contract.email && mail) contacts.push({ type: "email", value: contract.email });
  // Told nobody what it stands for, and the same at every request.
  const key = keyFor(config.PEPPERS.current.key, "restore-contact");
  return contacts.map((contact) => ({
    ...contact,
    id: shortMac(key, `${contract.uid}|${contact.type}|${contact.value}`),
  }));
}

function masked(type: Contact["type"], value: string): string {
  if (type === "email") return `${value.slice(0, 1)}***${value.slice(value.indexOf("@"))}`;
  const [, code = "", area = ""] = /^(\d{1,3})(\d{3})\d{7}$/.exec(value) ?? [];
  return code ? `+${code} (${area}) ***-**-${value.slice(-2)}` : `+${value.slice(0, 3)}***${value.slice(-2)}`;
}
