import { type Context, Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { settings } from "#env.ts";
import { sameText } from "#platform/crypto.ts";
import { type After, type AppEnv, after } from "#platform/http.ts";
import { mediaMtxQuestion, rtmpQuestion } from "./adapters.ts";
import { forbidden, notAllowed } from "./answer.ts";
import { type Ask, type Forward, postedAsk, queryOf } from "./ask.ts";
import { CALLOUT, hasBearer, play, reply } from "./play.ts";

/**
 * May this viewer watch this stream? Media servers ask at `/api/accessfl`, or behind a path that holds
 * FLUSSONIC_SECRET. Each GET has exactly one handler, and the part no error handler of its own: so Hono
 * calls it directly, without building a chain of middlewares. `playAtOnce` is the way past even that.
 */
export const flussonic = new Hono<AppEnv>();

type Call = Context<AppEnv>;

const small = bodyLimit({ maxSize: 256 * 1024, onError: forbidden });

flussonic.get(CALLOUT, (c) => (isTrusted(c) ? watch(c) : forbidden()));
flussonic.post(CALLOUT, small, (c) => (isTrusted(c) ? posted(c) : forbidden()));
flussonic.get("/flussonic/:secret/auth", (c) => (knowsPath(c) ? watch(c) : forbidden()));
flussonic.post("/flussonic/:secret/auth", small, (c) => (knowsPath(c) ? posted(c) : forbidden()));

flussonic.get("/rtmp/:event", (c) => (isTrusted(c) ? rtmp(c, queryOf(c.req.url)) : forbidden()));
flussonic.post("/rtmp/:event", small, async (c) => (isTrusted(c) ? rtmp(c, await textOf(c)) : forbidden()));
flussonic.get("/flussonic/:secret/rtmp/:event", (c) => (knowsPath(c) ? rtmp(c, queryOf(c.req.url)) : forbidden()));
flussonic.post("/flussonic/:secret/rtmp/:event", small, async (c) =>
  knowsPath(c) ? rtmp(c, await textOf(c)) : forbidden(),
);

flussonic.post("/mediamtx/auth", small, (c) => (isTrusted(c) ? mediaMtx(c) : forbidden()));
flussonic.post("/flussonic/:secret/mediamtx/auth", small, (c) => (knowsPath(c) ? mediaMtx(c) : forbidden()));

flussonic.on(["PUT", "PATCH", "DELETE", "OPTIONS"], [CALLOUT, "/flussonic/:secret/auth"], notAllowed);

const isTrusted = (c: Call) => hasBearer(c.req.raw, c.env);

function knowsPath(c: Call): boolean {
  const { FLUSSONIC_SECRET } = settings(c.env);
  return FLUSSONIC_SECRET !== undefined && sameText(c.req.param("secret") ?? "", FLUSSONIC_SECRET);
}

const watch = (c: Call) => play(c.req.raw, c.env, background(c));

async function posted(c: Call): Promise<Response> {
  const body = await textOf(c);
  return say(c, postedAsk(body), { query: queryOf(c.req.url), body });
}

function rtmp(c: Call, form: string): Response | Promise<Response> {
  const event = c.req.param("event") ?? "";
  if (event === "on_done") return new Response(null);
  if (event !== "on_play" && event !== "on_publish" && event !== "on_update") return forbidden();
  const { ask, forward } = rtmpQuestion(event, form);
  return say(c, ask, forward);
}

async function mediaMtx(c: Call): Promise<Response> {
  const question = mediaMtxQuestion(await textOf(c));
  return question ? say(c, question.ask, question.forward) : forbidden();
}

const say = (c: Call, ask: Ask, forward: Forward) => reply(c.env, ask, forward, background(c));

// Not `req.text()`: it warns of every content type that is no text, and senders name what they like.
const textOf = async (c: Call) => new TextDecoder().decode(await c.req.arrayBuffer());

/** The request's waitUntil; without a request around it the work simply runs. */
const background =
  (c: Call): After =>
  (work) => {
    try {
      after(c)(work);
    } catch {
      work().catch(() => undefined);
    }
  };
