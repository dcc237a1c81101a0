import { Hono, type MiddlewareHandler } from "hono";
import { deleteCookie, setCookie } from "hono/cookie";
import * as z from "zod";
import { bootstrap, demandBootstrap } from "#identity/admins/bootstrap.ts";
import { setUp } from "#identity/admins/invitations.ts";
import { endAdminSession, operatorsOf } from "#identity/admins/sessions.ts";
import { enterCode, enterPassword, proveAgain } from "#identity/admins/sign-in.ts";
import { renewRecoveryCodes } from "#identity/totp/recovery-codes.ts";
import { ADMINS } from "#identity/totp/totp.ts";
import { actorOf, type ShieldEnv } from "#identity/wire/context.ts";
import { json } from "#identity/wire/input.ts";
import { clientAddress } from "#platform/http.ts";
import { admin, COOKIE } from "./gate.ts";

/** How administrators get in: the first one, the invited ones, and everybody each day. */
export const auth = new Hono<ShieldEnv>();

const Password = z.string().min(1).max(1024);
const LoginName = z.string().trim().min(3).max(254);
const Bootstrap = z.object({ bootstrap_secret: z.string().max(1024), login: LoginName, password: Password });

// Used up, it is not there at all, whatever is sent to it.
const whileOpen: MiddlewareHandler<ShieldEnv> = async (c, next) => {
  await demandBootstrap(c.env);
  await next();
};

auth.post("/bootstrap", whileOpen, json(Bootstrap), async (c) =>
  c.json(await bootstrap(c.env, c.req.valid("json"), actorOf(c)), 201),
);

const Credentials = z.object({ login: z.string().min(1).max(254), password: Password });

auth.post("/auth/login", json(Credentials), async (c) =>
  c.json(await enterPassword(c.env, c.req.valid("json"), clientAddress(c))),
);

const MfaToken = z.string().min(1).max(200);
const Code = z.string().min(1).max(20);
const SecondStep = z.union([
  z.object({ mfa_token: MfaToken, code: Code }),
  z.object({ mfa_token: MfaToken, recovery_code: z.string().min(1).max(100) }),
]);

auth.post("/auth/totp", json(SecondStep), async (c) => {
  const { mfa_token, ...step } = c.req.valid("json");
  const browser = { ip: clientAddress(c), agent: c.req.header("user-agent") };
  const cookie = await enterCode(c.env, mfa_token, step, browser, c.var.requestId);
  setCookie(c, COOKIE, cookie, { path: "/", httpOnly: true, secure: true, sameSite: "Strict" });
  return c.body(null, 204);
});

const SetUp = z.object({ token: z.string().min(1).max(200), password: Password });

auth.post("/auth/setup", json(SetUp), async (c) => {
  const { ip, requestId } = actorOf(c);
  return c.json({ totp: await setUp(c.env, c.req.valid("json"), { ip, requestId }) });
});

auth.post("/auth/logout", admin("viewer"), async (c) => {
  await endAdminSession(c.env, c.var.admin, actorOf(c));
  deleteCookie(c, COOKIE, { path: "/", secure: true });
  return c.body(null, 204);
});

auth.get("/auth/me", admin("viewer"), (c) => {
  const { id, login, name, roles } = c.var.admin;
  return c.json({ admin: { id, login, name }, roles, operators: operatorsOf(c.var.admin, "viewer") });
});

const Proof = z.object({ password: Password, code: Code });

auth.post("/auth/reauth", admin("viewer"), json(Proof), async (c) => {
  await proveAgain(c.env, c.var.admin, c.req.valid("json"), actorOf(c));
  return c.body(null, 204);
});

auth.post("/auth/recovery-codes", admin("viewer", { fresh: true }), async (c) => {
  const owner = { ownerId: c.var.admin.id, kind: "admin" } as const;
  return c.json({ recovery_codes: await renewRecoveryCodes(c.env, ADMINS, owner, actorOf(c)) });
});
