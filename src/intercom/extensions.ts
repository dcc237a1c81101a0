import { Hono } from "hono";
import * as z from "zod";
import { type AppEnv, after, body } from "#platform/http.ts";
import { nationalForm } from "#platform/phones.ts";
import { appsToCall, type CalledApp, ring } from "./calls.ts";
import {
  contractBehind,
  judgeCall,
  judgeContract,
  type Panel,
  panelNumber,
  pictureCaller,
  type Verdict,
} from "./dialplan.ts";
import { Id, MaybeText, Text } from "./fields.ts";
import { DONE, describe } from "./wire.ts";

/** POST /asterisk/extensions/…: what a dialplan asks and tells. A bare JSON number or an object in. */
export const extensions = new Hono<AppEnv>();

const at = (name: string) => `/asterisk/extensions/${name}`;
const Bit = z.literal([0, 1]);
const bit = (yes: boolean): 0 | 1 => (yes ? 1 : 0);
const Dtmf = z.union([z.int(), z.string()]);

extensions.post(
  at("uidFromflatNumber"),
  describe("The contract of a flat behind a panel; 0 for none", z.object({ uid: z.int() })),
  body(z.object({ domophoneId: Id, flatNumber: Text })),
  async (c) => {
    const { domophoneId, flatNumber } = c.req.valid("json");
    return c.json({ uid: (await contractBehind(c.env, domophoneId, flatNumber)) ?? 0 });
  },
);

const Precall = z.object({
  ...{ autoBlock: Bit, manualBlock: Bit, autoOpen: Bit, whiteRabbit: Bit },
  ...{ deviceId: z.int(), deviceIP: z.string().optional(), dtmf: Dtmf.optional() },
  ...{ intercoms: z.array(z.int()), onlyAudio: Bit },
});

extensions.post(
  at("precall"),
  describe("Everything before the ringing: may it ring, or does the door open by itself?", Precall),
  body(z.object({ domophoneId: Id, uid: Id })),
  async (c) => {
    const { domophoneId, uid } = c.req.valid("json");
    return c.json(precallView(await judgeCall(c.env, domophoneId, uid)));
  },
);

const PanelView = z.object({
  ...{ deviceId: z.int(), device_uuid: z.uuid(), deviceIP: z.string().optional() },
  ...{ dtmf: Dtmf.optional(), callerId: z.string() },
});

extensions.post(at("domophone"), describe("A panel, by its number", PanelView), body(Id), async (c) =>
  c.json(panelView(await panelNumber(c.env, c.req.valid("json")))),
);

extensions.post(
  at("camshot"),
  describe("Take the picture of whoever rings"),
  body(z.object({ domophoneId: Id })),
  async (c) => {
    const panel = await panelNumber(c.env, c.req.valid("json").domophoneId);
    // A camera that is slow may not delay the ringing.
    after(c)(() => pictureCaller(c.env, panel));
    return c.html(DONE);
  },
);

const Subscriber = z.object({
  ...{ mobile: z.string(), voipEnabled: Bit, platform: z.literal([0, 1, 2]), tokenType: z.int() },
  ...{ voipToken: z.string(), pushToken: z.string() },
});

extensions.post(
  at("subscribers"),
  describe("The apps that a contract's call may ring in", z.array(Subscriber)),
  body(Id),
  async (c) => {
    const apps = await appsToCall(c.env, c.req.valid("json"));
    return c.json(apps.map(subscriberView));
  },
);

const Push = z.object({
  token: z.string().min(1).max(4096),
  extension: z
    .union([z.string(), z.number()])
    .transform(String)
    .pipe(z.string().regex(/^2\d{9}$/)),
  hash: Text.pipe(z.string().min(1)),
  device_uuid: z.string().max(64).toLowerCase(),
  uid: Id,
  dtmf: MaybeText,
  callerId: MaybeText,
  flatNumber: MaybeText,
});

extensions.post(at("push"), describe("Make an app's extension for one call, and ring in it"), body(Push), async (c) => {
  const { hash: password, device_uuid: deviceUuid, flatNumber = "", ...call } = c.req.valid("json");
  await ring(c.env, { ...call, password, deviceUuid, flatNumber });
  return c.html(DONE);
});

extensions.post(
  at("blacklist"),
  describe("May a contract be called? For dialplans without precall", z.object({ autoBlock: Bit, manualBlock: Bit })),
  body(Id),
  async (c) => {
    const { isRefused, isUnwanted } = await judgeContract(c.env, c.req.valid("json"));
    return c.json({ autoBlock: bit(isRefused), manualBlock: bit(isUnwanted) });
  },
);

extensions.post(at("autoopen"), describe("Does the door open by itself? `true` or `false`"), body(Id), async (c) => {
  const { isRefused, opensForGuests } = await judgeContract(c.env, c.req.valid("json"));
  return c.html(String(!isRefused && opensForGuests));
});

/** A number where it is one: that is how dialplans compare it. */
const dtmfOf = (text: string) => (/^(?:0|[1-9]\d{0,8})$/.test(text) ? Number(text) : text);

const commonView = ({ deviceId, panelip, dtmf }: Panel) => ({
  deviceId,
  ...(panelip && { deviceIP: panelip }),
  ...(dtmf && { dtmf: dtmfOf(dtmf) }),
});

const panelView = (panel: Panel): z.input<typeof PanelView> => ({
  ...commonView(panel),
  device_uuid: panel.uuid,
  callerId: panel.title,
});

const precallView = ({ panel, ...verdict }: Verdict): z.input<typeof Precall> => ({
  autoBlock: bit(verdict.isRefused),
  manualBlock: bit(verdict.isUnwanted),
  autoOpen: bit(verdict.opensForGuests),
  whiteRabbit: bit(verdict.opensForHome),
  ...commonView(panel),
  intercoms: verdict.monitors,
  onlyAudio: bit(panel.cameraId === null),
});

/** What PBXs call the services that carry pushes; and the platforms: a browser counts as the first of them. */
const TOKEN_TYPES: Record<string, number> = { fcm: 0, apns: 1, hms: 4, rustore: 5 };
const PLATFORMS = { android: 0, web: 0, ios: 1, harmony: 2 } as const;

const subscriberView = (app: CalledApp): z.input<typeof Subscriber> => ({
  mobile: nationalForm(app.phone),
  voipEnabled: bit(app.voip),
  platform: PLATFORMS[app.platform],
  tokenType: TOKEN_TYPES[app.service ?? "fcm"] ?? 0,
  voipToken: app.voipToken ?? "off",
  pushToken: app.token,
});
