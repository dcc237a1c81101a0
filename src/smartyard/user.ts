import { Hono } from "hono";
import * as z from "zod";
import { settings } from "#env.ts";
import { nameOf, renameAccount } from "#identity/accounts/accounts.ts";
import { actorOf, leave, noteVersion, pushTargetOf, registerPush, signOut } from "#identity/installs/installs.ts";
import { confirmCall } from "#identity/login/calls.ts";
import { confirmCode, requestCode, type SignedIn } from "#identity/login/login.ts";
import { endAllSessions, endSession, listSessions } from "#identity/sessions/sessions.ts";
import { AppError } from "#platform/errors.ts";
import { after, body } from "#platform/http.ts";
import { localText } from "#platform/time.ts";
import { notifications } from "#premises/log/subscriptions.ts";
import { EVENT_CHOICES } from "#premises/log/tables.ts";
import { describe, done, ok, type ResidentEnv, signedIn } from "./envelope.ts";
import { ownContract } from "./own-contract.ts";
import { clientOf, Flag, flag, Id, Switch } from "./wire.ts";

/** POST /api/user/…: signing in and out, the resident's name, devices and notifications (docs/contracts.md, "The apps"). */
export const user = new Hono<ResidentEnv>();

user.route("/", ownContract);

const open = { isPublic: true };
const PhoneText = z.union([z.string(), z.number().transform(String)]).pipe(z.string().min(1).max(32));
const text = (max: number) => z.string().trim().max(max);

user.post("/phonePattern", describe("How phone numbers are typed here", z.string(), open), (c) =>
  ok(c, phonePattern(settings(c.env))),
);

function phonePattern({ PHONE_PATTERN, COUNTRY }: { PHONE_PATTERN?: string | undefined; COUNTRY: string }): string {
  return PHONE_PATTERN ?? { BY: "+375 (##) ###-##-##", UA: "+380 (##) ###-##-##" }[COUNTRY] ?? "+7 (###) ###-##-##";
}

const CodeRequest = z.object({ userPhone: PhoneText, method: z.string().nullish() });
const Confirmation = z.object({
  method: z.enum(["sms", "flashCall", "outgoingCall"]),
  confirmationNumbers: z.array(z.string()).min(1).optional(), // an empty list crashes Android
});

user.post("/requestCode", describe("Send me a code", Confirmation, open), body(CodeRequest), async (c) => {
  const { userPhone, method: wanted } = c.req.valid("json");
  const { method, numbers } = await requestCode(c.env, {
    phone: userPhone,
    client: clientOf(c),
    wanted: wanted ?? undefined,
  });
  return ok(c, { method, ...(numbers && { confirmationNumbers: numbers }) });
});

const Code = z.object({
  userPhone: PhoneText,
  smsCode: z.union([z.string(), z.number().transform(String)]).pipe(z.string().regex(/^\d{4,6}$/)),
  name: text(100).nullish(),
  patronymic: text(100).nullish(),
  deviceToken: z.string().max(256).nullish(),
});
const Names = z.object({ name: z.string(), patronymic: z.string() });
const Token = z.object({ accessToken: z.string(), names: Names });

user.post("/confirmCode", describe("Exchange my code for a token", Token, open), body(Code), async (c) => {
  const { userPhone, smsCode, deviceToken, name, patronymic } = c.req.valid("json");
  const client = clientOf(c, deviceToken ?? undefined);
  const said = name ? { name, patronymic: patronymic ?? null } : undefined;
  return ok(c, tokenView(await confirmCode(c.env, { phone: userPhone, code: smsCode, client, name: said }, after(c))));
});

const Caller = z.object({ userPhone: PhoneText, deviceToken: z.string().max(256).nullish() });

user.post("/checkPhone", describe("Has my call come in?", Token, open), body(Caller), async (c) => {
  const { userPhone, deviceToken } = c.req.valid("json");
  const signed = await confirmCall(c.env, { phone: userPhone, client: clientOf(c, deviceToken ?? undefined) });
  if (!signed) throw new AppError("unauthenticated", "The call has not come in yet", { reason: "not_called" });
  return ok(c, tokenView(signed));
});

// Android stays on the code screen unless `names` is an object; neither app takes null for a name.
const tokenView = ({ token, account }: SignedIn) => ({
  accessToken: token,
  names: { name: account.name ?? "", patronymic: account.patronymic ?? "" },
});

user.post("/ping", describe("Is my token good?"), signedIn("edge"), (c) => done(c));

const Version = z.object({
  version: z
    .union([
      z.number(),
      z
        .string()
        .regex(/^\d{1,9}$/)
        .transform(Number),
    ])
    .pipe(z.number().int().min(0)),
  platform: z.enum(["android", "ios", "harmony"]),
  manufacturer: text(100).nullish(),
  model: text(100).nullish(),
  osVer: text(100).nullish(),
});
const VersionVerdict = z.enum(["none", "upgrade", "force_upgrade"]);

user.post("/appVersion", describe("Must I upgrade?", VersionVerdict), signedIn("strict"), body(Version), async (c) => {
  const { platform, version, manufacturer, model, osVer } = c.req.valid("json");
  const device = manufacturer && model && osVer ? { manufacturer, model, osVer } : {};
  return ok(c, await noteVersion(c.env, c.var.resident, { platform, version, ...device }));
});

const Push = z.object({
  platform: z.enum(["android", "ios", "harmony", "web"]),
  pushToken: z.string().max(4096).nullish(),
  pushService: text(20).nullish(),
  voipToken: z.string().max(4096).nullish(),
  production: Switch.nullish(),
  type: z.coerce.number().int().nullish().catch(null),
});

user.post("/registerPushToken", describe("Where pushes reach me"), signedIn("strict"), body(Push), async (c) => {
  await registerPush(c.env, c.var.resident, pushTarget(c.req.valid("json")));
  return done(c);
});

/** iOS says in a number whose token it has: 1 Apple's own, 2 the same from a debugging build, all others Firebase's. */
function pushTarget({ platform, pushToken, pushService, voipToken, production, type }: z.output<typeof Push>) {
  const byApple = platform === "ios" && (type === 1 || type === 2);
  return {
    platform,
    pushToken: pushToken ?? undefined,
    pushService: byApple ? "apns" : (pushService ?? undefined),
    voipToken: voipToken === "off" ? undefined : (voipToken ?? undefined),
    production: byApple && type === 2 ? false : (production ?? undefined),
  };
}

const PushTokens = z.object({ pushToken: z.string(), voipToken: z.string() });

user.post("/pushTokens", describe("My push tokens", PushTokens), signedIn("edge"), async (c) =>
  ok(c, await pushTargetOf(c.env, c.var.resident)),
);

const Name = z.object({ name: text(100).min(1), patronymic: text(100).nullish() });

user.post("/sendName", describe("This is my name"), signedIn("strict"), body(Name), async (c) => {
  const { name, patronymic } = c.req.valid("json");
  await renameAccount(c.env, c.var.resident.account, name, patronymic ?? null);
  return done(c);
});

user.post("/getName", describe("What is my name?", Names.extend({ last: z.string() })), signedIn("edge"), async (c) => {
  const { name, patronymic } = await nameOf(c.env, c.var.resident.account);
  return ok(c, { name: name ?? "", patronymic: patronymic ?? "", last: "" });
});

const EventKinds = z.array(z.enum(EVENT_CHOICES)).max(20);
const Notifications = z.object({
  money: Switch.nullish(),
  enable: Switch.nullish(),
  events: z
    .array(z.object({ houseId: Id, kinds: EventKinds }).transform(({ houseId, kinds }) => ({ uid: houseId, kinds })))
    .max(100)
    .nullish(),
});
const Told = z.object({
  money: Flag,
  enable: Flag,
  events: z.array(z.object({ houseId: z.string(), kinds: EventKinds })).optional(), // the published apps know no such thing
});

user.post(
  "/notification",
  describe("What I want to be told", Told),
  signedIn("strict"),
  body(Notifications),
  async (c) => {
    const now = await notifications(c.env, c.var.resident, notificationChange(c.req.valid("json")));
    const events = now.events.map(({ uid, kinds }) => ({ houseId: String(uid), kinds }));
    return ok(c, { money: flag(now.money), enable: flag(now.notify), ...(events.length > 0 && { events }) });
  },
);

const notificationChange = ({ money, enable, events }: z.output<typeof Notifications>) => ({
  ...(typeof money === "boolean" && { money }),
  ...(typeof enable === "boolean" && { notify: enable }),
  events: events ?? undefined,
});

const SessionView = z.object({
  id: z.string(),
  device: z.string(),
  created: z.string(),
  lastSeen: z.string(),
  current: Flag,
});

user.post("/sessions", describe("Where am I signed in?", z.array(SessionView)), signedIn("strict"), async (c) => {
  const { TIME_ZONE } = settings(c.env);
  const sessions = await listSessions(c.env, settings(c.env).OPERATOR, c.var.resident.account);
  return ok(
    c,
    sessions.map(
      ({ id, device, createdAt, lastSeenAt }): z.input<typeof SessionView> => ({
        id,
        device: device ?? "",
        created: localText(createdAt, TIME_ZONE),
        lastSeen: localText(lastSeenAt, TIME_ZONE),
        current: flag(id === c.var.resident.id),
      }),
    ),
  );
});

user.post(
  "/endSession",
  describe("Sign another device of mine out"),
  signedIn("strict"),
  body(z.object({ id: z.string().max(64) })),
  async (c) => {
    const ending = { subject: c.var.resident.account, id: c.req.valid("json").id, reason: "signed out elsewhere" };
    await endSession(c.env, settings(c.env).OPERATOR, ending, actorOf(c.var.resident));
    return done(c);
  },
);

user.post("/endOtherSessions", describe("Sign me out everywhere else"), signedIn("strict"), async (c) => {
  const { account: subject, id: except } = c.var.resident;
  const ending = { subject, reason: "signed out elsewhere", except };
  await endAllSessions(c.env, settings(c.env).OPERATOR, ending, actorOf(c.var.resident));
  return done(c);
});

user.post("/logout", describe("Sign me out"), signedIn("strict"), async (c) => {
  await signOut(c.env, c.var.resident);
  return done(c);
});

user.post("/deleteAccount", describe("Forget me"), signedIn("strict"), async (c) => {
  await leave(c.env, c.var.resident);
  return done(c);
});
