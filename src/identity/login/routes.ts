import { type Context, Hono, type MiddlewareHandler } from "hono";
import { describeRoute } from "hono-openapi";
import * as z from "zod";
import { after, clientAddress } from "#platform/http.ts";
import { ChallengeId, ClientId, Code, Password } from "../accounts/fields.ts";
import { cityOf, Device, deviceInfo, publicRequester } from "../accounts/requester.ts";
import type { ShieldEnv } from "../wire/context.ts";
import { check, json, Login } from "../wire/input.ts";
import { basicLogin } from "./basic-login.ts";
import { clientOfChallenge, resendChallenge } from "./challenges.ts";
import { clientOfFirstStep, sendSecondStep, takeSecondStep } from "./second-step.ts";
import { type Origin, signIn } from "./sign-in.ts";
import { sendSignInCode } from "./sign-in-code.ts";
import { targetOf } from "./targets.ts";
import { SECOND_METHODS } from "./ways-in.ts";

/** /auth: how people and controllers sign in. */
export const loginRoutes = new Hono<ShieldEnv>();

const describe = (summary: string) => describeRoute({ tags: ["shield"], summary });

const Asking = z.object({
  client_id: ClientId,
  login: Login,
  purpose: z.enum(["login", "auto"]).default("login"),
  channel: z.enum(["sms", "email"]).nullish(),
  device: Device.nullish(),
});

loginRoutes.post("/auth/challenges", describe("Ask for a code to sign in with"), json(Asking), async (c) => {
  const { client_id, login, purpose, channel, device } = c.req.valid("json");
  const requester = await publicRequester(c, client_id, device?.id);
  const target = targetOf(requester.operator, login);
  return c.json(await sendSignInCode(c.env, requester, { target, purpose, channel: channel ?? undefined }), 202);
});

const Again = z.object({ client_id: ClientId.nullish(), device: Device.nullish() });

loginRoutes.post("/auth/challenges/:id/resend", describe("Another code"), json(Again), async (c) => {
  const { client_id, device } = c.req.valid("json");
  const id = c.req.param("id");
  const requester = await publicRequester(c, client_id ?? (await clientOfChallenge(c.env, id)), device?.id);
  return c.json(await resendChallenge(c.env, requester, id), 202);
});

const needs = (field: "password" | "code", context: z.RefinementCtx) =>
  context.addIssue({ code: "custom", path: [field], message: "is needed for this method" });

const SignIn = z
  .object({
    client_id: ClientId,
    method: z.enum(["password", "sms", "code"]),
    login: Login,
    password: Password.nullish(),
    challenge_id: ChallengeId.nullish(),
    code: Code.nullish(),
    device: Device.nullish(),
  })
  .superRefine(({ method, password, code }, context) => {
    if (method === "password" && password == null) needs("password", context);
    if (method !== "password" && code == null) needs("code", context);
  });

const fromJson = json(SignIn);
const fromJsonOrBasic: typeof fromJson = Object.assign(
  (async (c, next) => {
    const basic = (await c.req.text()).trim() === "" ? basicLogin(c) : undefined;
    if (!basic) return fromJson(c as never, next);
    c.req.addValidatedData("json", check(SignIn, basic));
    await next();
  }) satisfies MiddlewareHandler,
  fromJson,
) as never;

loginRoutes.post("/auth/login", describe("Sign in"), fromJsonOrBasic, async (c) => {
  const { client_id, method, login, password, challenge_id, code, device } = c.req.valid("json");
  const requester = await publicRequester(c, client_id, device?.id);
  const claim = {
    ...{ method, login, password: password ?? undefined },
    ...{ challengeId: challenge_id ?? undefined, code: code ?? undefined },
    // A client that knows nothing but RFC 7617 names a login and its code.
    newest: (await c.req.text()).trim() === "",
  };
  return c.json(await signIn(c.env, requester, claim, originOf(c, device), after(c)));
});

const SecondStep = z
  .object({
    client_id: ClientId.nullish(),
    mfa_token: z.string().min(1).max(100),
    method: z.enum(SECOND_METHODS),
    code: Code.or(z.string().max(64)).nullish(),
    password: Password.nullish(),
    challenge_id: ChallengeId.nullish(),
    device: Device.nullish(),
  })
  .superRefine(({ method, password, code }, context) => {
    if (method === "password" && password == null) needs("password", context);
    if (method !== "password" && code == null) needs("code", context);
  });

loginRoutes.post("/auth/mfa", describe("Take the second step"), json(SecondStep), async (c) => {
  const { client_id, mfa_token, method, code, password, challenge_id, device } = c.req.valid("json");
  const requester = await publicRequester(c, client_id ?? (await clientOfFirstStep(c.env, mfa_token)), device?.id);
  const proof = {
    ...{ method, code: code ?? undefined, password: password ?? undefined },
    challengeId: challenge_id ?? undefined,
  };
  return c.json(await takeSecondStep(c.env, requester, mfa_token, proof, originOf(c, device), after(c)));
});

const SecondCode = z.object({
  client_id: ClientId.nullish(),
  mfa_token: z.string().min(1).max(100),
  method: z.enum(["sms", "code"]).optional(),
});

loginRoutes.post("/auth/mfa/challenge", describe("Send the second step's code"), json(SecondCode), async (c) => {
  const { client_id, mfa_token, method } = c.req.valid("json");
  const requester = await publicRequester(c, client_id ?? (await clientOfFirstStep(c.env, mfa_token)));
  return c.json(await sendSecondStep(c.env, requester, mfa_token, method), 202);
});

function originOf(c: Context<ShieldEnv>, device: z.output<typeof Device> | null | undefined): Origin {
  const { name, platform, installId } = deviceInfo(device ?? undefined);
  const told = {
    ...(name !== undefined && { name }),
    ...(platform !== undefined && { platform }),
    ...(installId !== undefined && { installId }),
  };
  const origin = { ip: clientAddress(c), requestId: c.get("requestId") };
  return { device: told, city: cityOf(c), actorFor: (id, kind = "account") => ({ kind, id, ...origin }) };
}
