import { Hono } from "hono";
import { describeRoute } from "hono-openapi";
import * as z from "zod";
import { after, clientAddress } from "#platform/http.ts";
import { type Requester, resendChallenge } from "../login/challenges.ts";
import { targetOf } from "../login/targets.ts";
import { openTokens } from "../tokens/issue.ts";
import { actorAs, type ShieldEnv } from "../wire/context.ts";
import { idempotent } from "../wire/idempotency.ts";
import { json, Login } from "../wire/input.ts";
import { ChallengeId, ClientId, Code, Lang, Password, PersonName } from "./fields.ts";
import { forgotPassword, resetPassword } from "./passwords.ts";
import { type Activated, activate, register } from "./registration.ts";
import { cityOf, Device, deviceInfo, publicRequester } from "./requester.ts";
import { accountView } from "./view.ts";

/** /accounts: how people get an account, without having one. */
export const registrationRoutes = new Hono<ShieldEnv>();

const describe = (summary: string) => describeRoute({ tags: ["shield"], summary });

const Registration = z.object({
  client_id: ClientId,
  login: Login,
  password: Password.optional(),
  name: PersonName.optional(),
  lang: Lang.optional(),
  device: Device.optional(),
});

registrationRoutes.post("/accounts", describe("Register"), idempotent, json(Registration), async (c) => {
  const { client_id, login, device, ...person } = c.req.valid("json");
  const requester = await publicRequester(c, client_id, device?.id);
  const target = targetOf(requester.operator, login);
  const answer = await register(c.env, requester, { target, ...person }, (id) => actorAs(c, id));
  return c.json(answer, 202);
});

const Activation = z.object({
  client_id: ClientId,
  login: Login,
  challenge_id: ChallengeId.optional(),
  code: Code,
  password: Password.optional(),
  device: Device.optional(),
});

registrationRoutes.post("/accounts/activate", describe("Activate by code"), json(Activation), async (c) => {
  const { client_id, login, challenge_id: challengeId, code, password, device } = c.req.valid("json");
  const requester = await publicRequester(c, client_id, device?.id);
  const target = targetOf(requester.operator, login);
  const actorFor = (id: string) => actorAs(c, id);
  const activation = { target, challengeId, code, password };
  const activated = await activate(c.env, requester, activation, actorFor, after(c));
  const account = await accountView(c.env, requester.operator.id, activated.id);
  if (!mayOpen(requester)) return c.json({ account });
  const session = { ...sessionOf(activated, requester), device: deviceInfo(device), city: cityOf(c) };
  const opened = { ...session, address: clientAddress(c) };
  return c.json({ account, tokens: await openTokens(c.env, opened, actorFor(activated.id), after(c)) });
});

// One code is one step; where two are asked for, the person signs in.
const mayOpen = ({ client, operator }: Requester) => client.loginOnActivation && !operator.params.two_step;

const sessionOf = ({ id, epoch, channel, digits }: Activated, { client, operator }: Requester) => ({
  ...{ operator: operator.id, kind: "account" as const, subject: id, epoch, client: client.id, scopes: ["account"] },
  amr: channel === "phone" ? (["otp", "sms"] as const).slice() : (["otp", "mail"] as const).slice(),
  acr: digits < 6 ? ("low" as const) : ("normal" as const),
});

const Resend = z.object({ client_id: ClientId, challenge_id: ChallengeId });

registrationRoutes.post("/accounts/activation/resend", describe("Another code"), json(Resend), async (c) => {
  const { client_id, challenge_id } = c.req.valid("json");
  return c.json(await resendChallenge(c.env, await publicRequester(c, client_id), challenge_id), 202);
});

const Forgot = z.object({ client_id: ClientId, login: Login, device: Device.optional() });

registrationRoutes.post("/accounts/password/forgot", describe("Ask for a new password"), json(Forgot), async (c) => {
  const { client_id, login, device } = c.req.valid("json");
  const requester = await publicRequester(c, client_id, device?.id);
  return c.json(await forgotPassword(c.env, requester, targetOf(requester.operator, login)), 202);
});

const Reset = z.object({
  client_id: ClientId,
  challenge_id: ChallengeId,
  code: Code,
  new_password: Password,
  device: Device.optional(),
});

registrationRoutes.post("/accounts/password/reset", describe("Set a new password by code"), json(Reset), async (c) => {
  const { client_id, challenge_id: challengeId, code, new_password: password, device } = c.req.valid("json");
  const requester = await publicRequester(c, client_id, device?.id);
  await resetPassword(c.env, requester, { challengeId, code, password }, (id) => actorAs(c, id), after(c));
  return c.body(null, 204);
});
