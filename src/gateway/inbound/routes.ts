import { Hono } from "hono";
import { AppError } from "#platform/errors.ts";
import { type AppEnv, after } from "#platform/http.ts";
import { knowClient } from "../clients/keys.ts";
import { demandText, lenientObject, onJsonError, onlyMethods, onTextError, text } from "../wire.ts";
import { acceptInbound } from "./accept.ts";
import { publishAtOnce } from "./publish-at-once.ts";

/** POST /sms/platform/…: SMS as the phones bring them that got them. */
export const sms = new Hono<AppEnv>();
sms.onError(onTextError);

type Body = Record<string, unknown>;

sms.post("/sms/platform/:platform", knowClient, async (c) => {
  const body = await lenientObject(c);
  const sender = demandText(senderIn(body), "Missing MSISDN or address");
  const message = demandText(body.text, "Missing Text");
  const source = plain(c.req.param("platform"));
  const brought = { source, client: c.var.client, ...within(sender, message), ...timesIn(body) };
  await acceptInbound(c.env, brought, new Date(), after(c));
  return text(c, "published!");
});
sms.all("/sms/platform/:platform", onlyMethods("POST"));

/** POST /v3/publish: the same for what only the publisher can open; it is asked while the phone waits. */
export const publish = new Hono<AppEnv>();
publish.onError(onJsonError);

publish.post("/v3/publish", knowClient, async (c) => {
  const body = await lenientObject(c);
  const message = demandText(body.text, "Missing required field: text");
  const sender = demandText(senderIn(body), "Missing required field: address or MSISDN");
  const brought = { ...within(sender, message), ...timesIn(body) };
  return c.json({ publisher_response: await publishAtOnce(c.env, brought) });
});
publish.all("/v3/publish", onlyMethods("OPTIONS", "POST"));

/** Who sent it: `MSISDN`, else `address`. Some phones write a number as one. */
function senderIn({ MSISDN, address }: Body): string | undefined {
  const written = [MSISDN, address].map((value) => (typeof value === "number" ? String(value) : value));
  return written.flatMap((value) => (typeof value === "string" ? value.trim() || [] : []))[0];
}

const LONGEST_SENDER = 32;
/** 255 parts, as much as one SMS can be. */
const LONGEST_TEXT = 40_000;

function within(sender: string, message: string): { sender: string; text: string } {
  if (sender.length > LONGEST_SENDER) throw new AppError("invalid", "The sender is too long");
  if (message.length > LONGEST_TEXT) throw new AppError("invalid", "The text is too long");
  return { sender, text: message };
}

/** When the phone got it and when it was sent; ms since 1970, as numbers or as digits. What else stands there does not count. */
const timesIn = ({ date, date_sent }: Body) => ({
  ...(msOf(date) !== undefined && { date: msOf(date)! }),
  ...(msOf(date_sent) !== undefined && { dateSent: msOf(date_sent)! }),
});

/** The end of time as a Date knows it. */
const LATEST = 8.64e15;

function msOf(time: unknown): number | undefined {
  const ms = typeof time === "string" && /^\d{1,16}$/.test(time.trim()) ? Number(time) : time;
  return typeof ms === "number" && ms >= 0 && ms <= LATEST ? Math.trunc(ms) : undefined;
}

const LONGEST_NAME = 64;

const plain = (name: string): string => name.replace(/\p{C}/gu, "").slice(0, LONGEST_NAME);
