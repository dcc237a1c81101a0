import { Hono } from "hono";
import * as z from "zod";
import { type Env, settings } from "#env.ts";
import { readChat } from "#messaging/inbox/chat.ts";
import { listInbox, markAllRead, markDelivered, markRead, newestUnreadOf, unreadOf } from "#messaging/inbox/inbox.ts";
import { body } from "#platform/http.ts";
import { logError } from "#platform/log.ts";
import { localText } from "#platform/time.ts";
import { holdingsOf, type Resident } from "#premises/homes.ts";
import { describe, done, ok, type ResidentEnv, signedIn } from "./envelope.ts";
import { inboxPage } from "./inbox-page.ts";
import { type Language, languageOf } from "./texts.ts";
import { Id } from "./wire.ts";

/** POST /api/inbox/…: the operator's messages to the resident (docs/contracts.md, "The apps"). */
export const inbox = new Hono<ResidentEnv>();

const Page = z.object({ basePath: z.url(), code: z.string() });

inbox.post("/inbox", describe("My messages, as a page; they count as read", Page), signedIn("edge"), async (c) => {
  const code = await readInbox(c.env, c.var.resident.phone, languageOf(c));
  return ok(c, { basePath: `${settings(c.env).PUBLIC_URL}/`, code });
});

/** The page; what it shows is read from now on, what came in meanwhile is not. */
async function readInbox(env: Env, phone: string, language: Language): Promise<string> {
  const messages = await listInbox(env, phone);
  const page = inboxPage(messages, settings(env), language);
  if (messages.length > 0) await markAllRead(env, phone, Math.max(...messages.map(({ id }) => id)));
  return page;
}

const Counts = z.object({ count: z.number(), chat: z.number() });

inbox.post("/unreaded", describe("How much I have not read", Counts), signedIn("edge"), async (c) => {
  const [counts, isHome] = await Promise.all([
    unreadOf(c.env, c.var.resident.phone),
    startsAtHome(c.env, c.var.resident),
  ]);
  // The operator's own edition of the app opens the screen of addresses on 201; to the others both mean success.
  return isHome ? c.json({ code: 201, name: "OK", message: "Хорошо", data: counts }) : ok(c, counts);
});

/** Whether the app is to open with the resident's addresses. A billing that is away must not cost them the counts. */
async function startsAtHome(env: Env, resident: Resident): Promise<boolean> {
  if (!settings(env).MAIN_SCREEN_ADDRESS) return false;
  try {
    return (await holdingsOf(env, resident)).homes.length > 0;
  } catch (error) {
    logError("addresses not known, the app opens with its usual screen", error);
    return false;
  }
}

const Delivered = z.object({ messageId: Id });

inbox.post("/delivered", describe("A message has arrived"), signedIn("edge"), body(Delivered), async (c) => {
  await markDelivered(c.env, c.var.resident.phone, c.req.valid("json").messageId);
  return done(c);
});

const Read = z.object({ messageId: z.union([Id, z.literal("").transform(() => undefined)]).nullish() });

inbox.post("/readed", describe("I have read a message, or all of them"), signedIn("edge"), body(Read), async (c) => {
  const { messageId } = c.req.valid("json");
  const { phone } = c.var.resident;
  await (typeof messageId === "number" ? markRead(c.env, phone, messageId) : markAllRead(c.env, phone));
  return done(c);
});

const Alert = z.object({
  messageId: z.string(),
  title: z.string(),
  text: z.string(),
  action: z.string(),
  date: z.string(),
});

inbox.post("/alert", describe("My newest unread message, if any", Alert), signedIn("edge"), async (c) => {
  const message = await newestUnreadOf(c.env, c.var.resident.phone);
  if (!message) return done(c);
  const { id, title, text, action, createdAt } = message;
  return ok(c, { messageId: String(id), title, text, action, date: localText(createdAt, settings(c.env).TIME_ZONE) });
});

inbox.post("/chatReaded", describe("I have read the chat"), signedIn("edge"), async (c) => {
  await readChat(c.env, c.var.resident.phone, "operator");
  return done(c);
});
