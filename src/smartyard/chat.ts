import { type Handler, Hono } from "hono";
import * as z from "zod";
import { settings } from "#env.ts";
import { type ChatLine, chatOf, mailUnanswered, readChat, writeChat } from "#messaging/inbox/chat.ts";
import { randomId } from "#platform/crypto.ts";
import { after, body } from "#platform/http.ts";
import { localText } from "#platform/time.ts";
import { chatPage, chatPolicy } from "./chat-page.ts";
import { describe, done, ok, type ResidentEnv, signedIn } from "./envelope.ts";
import { languageOf } from "./texts.ts";
import { Id } from "./wire.ts";

/** /api/chat/…: the resident's conversation with the operator, a page for the apps' web view and what it calls. Ours. */
export const chat = new Hono<ResidentEnv>();

/**
 * GET /api/chat/, with the slash: the methods below stand beside it. The page is nobody's: it asks the app for the token, and
 * calls them with it.
 */
export const chatHome: Handler = (c) => {
  const nonce = randomId(16);
  c.header("Content-Security-Policy", chatPolicy(nonce));
  c.header("Cache-Control", "no-store");
  c.header("Referrer-Policy", "no-referrer");
  return c.html(chatPage(nonce, languageOf(c)));
};

const Line = z.object({
  id: z.number(),
  author: z.enum(["resident", "operator"]),
  name: z.string().optional(),
  text: z.string(),
  date: z.string(),
});

const lineView = ({ id, author, name, text, createdAt }: ChatLine, zone: string): z.input<typeof Line> => ({
  ...{ id, author, text, date: localText(createdAt, zone) },
  ...(name !== null && { name }),
});

const After = z.object({ after: Id.nullish() });

chat.post("/messages", describe("The chat's lines", z.array(Line)), signedIn("edge"), body(After), async (c) => {
  const lines = await chatOf(c.env, c.var.resident.phone, c.req.valid("json").after ?? undefined);
  return ok(
    c,
    lines.map((line) => lineView(line, settings(c.env).TIME_ZONE)),
  );
});

const Sent = z.object({ text: z.string().trim().min(1).max(4_000), key: z.string().min(1).max(64).nullish() });

chat.post("/send", describe("Write to the operator", Line), signedIn("strict"), body(Sent), async (c) => {
  const { text, key } = c.req.valid("json");
  const { phone } = c.var.resident;
  const line = await writeChat(c.env, { phone, author: "resident", text, key: key ?? undefined });
  after(c)(() => mailUnanswered(c.env, line));
  return ok(c, lineView(line, settings(c.env).TIME_ZONE));
});

const UpTo = z.object({ messageId: Id.nullish() });

chat.post("/readed", describe("I have read the chat, up to a line"), signedIn("edge"), body(UpTo), async (c) => {
  await readChat(c.env, c.var.resident.phone, "operator", c.req.valid("json").messageId ?? undefined);
  return done(c);
});
