// The wire: docs/sms-gateway.md, "Sync".
import { type Context, Hono, type MiddlewareHandler } from "hono";
import { cors } from "hono/cors";
import { AppError } from "#platform/errors.ts";
import { type AppEnv, clientAddress } from "#platform/http.ts";
import { serverKey } from "../crypto/rsa-keys.ts";
import { demandText, lenientObject, onlyMethods, onTextError, text } from "../wire.ts";
import { shakeHands, verifyInOneStep, verifyInTwoSteps } from "./handshake.ts";
import { joinSession, syncUrl } from "./sessions.ts";

export const sync = new Hono<AppEnv>();
sync.onError(onTextError);

const demandUpgrade: MiddlewareHandler<AppEnv> = async (c, next) => {
  if (c.req.header("upgrade")?.toLowerCase() === "websocket") return next();
  return text(c, "Upgrade Required", 426);
};

// Not for the websocket, whose answer is not to be touched, and which knows no origins.
const anyOrigin = cors({ origin: "*", allowMethods: ["GET", "POST"], allowHeaders: ["content-type"] });
for (const path of ["/v2/sync/users/*", "/v2/sync/public-key"]) sync.use(path, anyOrigin);

sync.get("/v2/sync/public-key", (c) => text(c, serverKey(c.env).publicPem));
sync.all("/v2/sync/public-key", onlyMethods("GET", "HEAD", "OPTIONS"));

// `/v2/sync/users/verification` is a path of its own.
const USER = "/v2/sync/users/:user{(?!verification$)[^/]+}";
sync.get(USER, (c) => text(c, syncUrl(c.env, c.req.param("user"))));
sync.all(USER, onlyMethods("GET", "HEAD", "OPTIONS"));

sync.get("/v2/sync/init/:user", demandUpgrade, (c) => joinSession(c.env, c.req.param()));
sync.get("/v2/sync/init/:user/:session", demandUpgrade, (c) => joinSession(c.env, c.req.param()));
for (const path of ["/v2/sync/init/:user", "/v2/sync/init/:user/:session"])
  sync.all(path, onlyMethods("GET", "HEAD", "OPTIONS"));

sync.post(`/v2/sync/users/:user/sessions/:session/handshake`, async (c) => {
  const { public_key } = await lenientObject(c);
  return c.json(await shakeHands(c.env, c.req.param(), demandText(public_key, "missing public key")));
});
sync.all("/v2/sync/users/:user/sessions/:session/handshake", onlyMethods("POST", "OPTIONS"));

// Whoever says a key with the password wants both steps in one.
sync.post("/v2/sync/users/:user/sessions/:session", async (c) => {
  const sent = await lenientObject(c, "invalid json");
  if ("public_key" in sent) return oneStep(c, sent);
  await demandStrictJson(c);
  const password = demandText(sent.password, "missing password");
  return c.json(await verifyInTwoSteps(c.env, c.req.param(), { ...sent, password }, clientAddress(c)));
});
sync.post("/v2/sync/users/:user/sessions/:session/", async (c) => oneStep(c, await lenientObject(c)));
for (const path of ["/v2/sync/users/:user/sessions/:session", "/v2/sync/users/:user/sessions/:session/"])
  sync.all(path, onlyMethods("POST", "OPTIONS"));

async function oneStep(c: Context<AppEnv>, sent: Record<string, unknown>): Promise<Response> {
  const password = demandText(sent.password, "missing password");
  const public_key = demandText(sent.public_key, "missing public key");
  const named = { user: c.req.param("user")!, session: c.req.param("session")! };
  return c.json(await verifyInOneStep(c.env, named, { ...sent, password, public_key }, clientAddress(c)));
}

/** Throws AppError `invalid` unless the body is JSON and says that it is. */
async function demandStrictJson(c: Context): Promise<void> {
  const isJson = /^application\/([\w.-]+\+)?json\b/i.test(c.req.header("content-type") ?? "");
  try {
    if (isJson) return JSON.parse(await c.req.text());
  } catch {}
  throw new AppError("invalid", "invalid json");
}
