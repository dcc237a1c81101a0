import { Hono } from "hono";
import * as z from "zod";
import { type Env, settings } from "#env.ts";
import { tellPeople } from "#identity/installs/tell.ts";
import { type ChatLine, chatOf, chatsAfter, readChat, writeChat } from "#messaging/inbox/chat.ts";
import { listInboxes } from "#messaging/inbox/inbox.ts";
import { safeLink } from "#messaging/inbox/links.ts";
import { AppError } from "#platform/errors.ts";
import type { AppEnv } from "#platform/http.ts";
import { parsePhone } from "#platform/phones.ts";
import { localText } from "#platform/time.ts";
import { phonesOfContract } from "#premises/guests/people.ts";
import { describe, done, fields } from "./envelope.ts";
import { Id, Uid } from "./fields.ts";

/** POST /bill/api/messages_* and chat_*: what the operator's people write to residents, and what they answer. */
export const messages = new Hono<AppEnv>();

const Phone = z.union([z.string().max(32), z.number()]).transform(String);
const To = { uid: Id.nullish(), phone: z.union([Phone, z.array(Phone).min(1).max(10_000)]).nullish() };
const isNamed = ({ uid, phone }: { uid?: unknown; phone?: unknown }) => (uid ?? phone ?? null) !== null;
const Key = z.union([z.string().min(1).max(128), z.number().transform(String)]);

const ACTIONS = ["inbox", "newAddress", "videoReady", "paySuccess", "payError"] as const;

const NewMessage = z
  .object({
    ...To,
    title: z.string().max(200).nullish(),
    text: z.string().trim().min(1).max(4_000),
    action: z.enum(ACTIONS).nullish(),
    link: z.string().max(2_000).nullish(),
    key: Key.nullish(),
  })
  .refine(isNamed, "uid or phone is missing");

messages.post(
  "/messages_add/",
  describe("Write to the people of a contract, or to phones", z.object({ sent: z.int() })),
  fields(NewMessage),
  async (c) => c.json({ sent: await sendMessage(c.env, c.req.valid("json")) }),
);

/** Tells everybody of the contract and these phones, once per `key`. Answers how many phones that are. */
async function sendMessage(env: Env, message: z.output<typeof NewMessage>): Promise<number> {
  const { title, text, action, link, key } = message;
  if (link && !safeLink(link, settings(env)))
    throw new AppError("invalid", "link: not a URL of ours, nor of a host that the settings name");
  const phones = await phonesNamed(env, message);
  await tellPeople(env, phones, {
    ...{ title: title ?? "", text, action: action ?? "inbox" },
    ...{ link: link ?? undefined, batch: key ? `message ${key}` : undefined },
  });
  return phones.length;
}

/** The phones that a request names, in digits with country code. Throws `invalid` for one that is none. */
async function phonesNamed(
  env: Env,
  { uid, phone }: { uid?: number | null | undefined; phone?: string | string[] | null | undefined },
): Promise<string[]> {
  const ofContract = uid ? await phonesOfContract(env, uid) : [];
  const named = [phone ?? []].flat().map((text) => digitsOf(env, text));
  return [...new Set([...ofContract, ...named])];
}

function digitsOf(env: Env, text: string): string {
  const phone = parsePhone(text, settings(env).COUNTRY);
  if (!phone) throw new AppError("invalid", "phone: not a mobile number");
  return phone.digits;
}

const Listed = z.object({
  id: z.int(),
  phone: z.string(),
  title: z.string(),
  text: z.string(),
  action: z.string(),
  link: z.string().nullable(),
  date: z.string(),
  delivered: z.string().nullable(),
  read: z.string().nullable(),
});

messages.post(
  "/messages_list/",
  describe("List the latest messages to a contract or to phones", z.object({ messages: z.array(Listed) })),
  fields(z.object(To).refine(isNamed, "uid or phone is missing")),
  async (c) => {
    const found = await listInboxes(c.env, await phonesNamed(c.env, c.req.valid("json")));
    const text = textIn(settings(c.env).TIME_ZONE);
    return c.json({
      messages: found.map(({ id, phone, title, text: said, action, link, createdAt, deliveredAt, readAt }) => ({
        ...{ id, phone, title, text: said, action, link },
        ...{ date: text(createdAt), delivered: text(deliveredAt), read: text(readAt) },
      })),
    });
  },
);

const textIn = (zone: string) => (at: Date | null) => at && localText(at, zone);

const Line = z.object({
  id: z.int(),
  phone: z.string(),
  author: z.enum(["resident", "operator"]),
  name: z.string().nullable(),
  text: z.string(),
  date: z.string(),
  read: z.string().nullable(),
});

const lineView = ({ id, phone, author, name, text, createdAt, readAt }: ChatLine, zone: string) => ({
  ...{ id, phone, author, name, text, date: localText(createdAt, zone), read: textIn(zone)(readAt) },
});

messages.post(
  "/chat_list/",
  describe("List lines of one chat, or of all of them", z.object({ lines: z.array(Line) })),
  fields(z.object({ phone: Phone.nullish(), after: Uid.nullish() }).refine(isAsked, "phone or after is missing")),
  async (c) => {
    const lines = await chatLines(c.env, c.req.valid("json"));
    return c.json({ lines: lines.map((line) => lineView(line, settings(c.env).TIME_ZONE)) });
  },
);

function isAsked({ phone, after }: { phone?: unknown; after?: unknown }): boolean {
  return (phone ?? after ?? null) !== null;
}

async function chatLines(
  env: Env,
  { phone, after }: { phone?: string | null | undefined; after?: number | null | undefined },
) {
  return phone ? chatOf(env, digitsOf(env, phone), after ?? undefined) : chatsAfter(env, after ?? 0);
}

const NewLine = z.object({
  phone: Phone,
  text: z.string().trim().min(1).max(4_000),
  name: z.string().trim().max(64).nullish(),
  title: z.string().max(200).nullish(),
  key: Key.nullish(),
});

messages.post(
  "/chat_add/",
  describe("Write to a resident in the chat", z.object({ id: z.int() })),
  fields(NewLine),
  async (c) => c.json({ id: await answerInChat(c.env, c.req.valid("json")) }),
);

/** Writes the line and rings at the resident's apps. The line is the chat's and not one more message of the inbox. */
async function answerInChat(env: Env, { phone, text, name, title, key }: z.output<typeof NewLine>): Promise<number> {
  const to = digitsOf(env, phone);
  const said = { phone: to, author: "operator", text, name: name || undefined, key: key ?? undefined } as const;
  const { id } = await writeChat(env, said);
  const heading = title || name || "Чат";
  await tellPeople(env, [to], { title: heading, text, action: "chat", isListed: false, batch: `chat ${id}` });
  return id;
}

messages.post(
  "/chat_read/",
  describe("A resident's lines have been read"),
  fields(z.object({ phone: Phone, id: Id.nullish() })),
  async (c) => {
    const { phone, id } = c.req.valid("json");
    await readChat(c.env, digitsOf(c.env, phone), "resident", id ?? undefined);
    return done(c);
  },
);
