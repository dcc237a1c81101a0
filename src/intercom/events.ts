import { Hono } from "hono";
import * as z from "zod";
import { type Settings, settings } from "#env.ts";
import { AppError } from "#platform/errors.ts";
import { type AppEnv, after, body } from "#platform/http.ts";
import { parsePhone } from "#platform/phones.ts";
import { instantOf } from "#platform/time.ts";
import { followUp, followUpCamera } from "#premises/log/aftermath.ts";
import { type CollectedEvent, recordCollected, recordCollectedOfCamera } from "#premises/log/collected.ts";
import { tellHome } from "#premises/log/home-push.ts";
import { normalPlate } from "#premises/plates.ts";
import { Id, MaybeText } from "./fields.ts";
import { DONE, describe } from "./wire.ts";

/** What collectors of panels' and cameras' events bring, and pushes for a whole home (docs/events.md). */
export const events = new Hono<AppEnv>();

const maybe = <S extends z.ZodType>(schema: S) => schema.nullish().transform((value) => value ?? undefined);

/** A key, a code, a name: of which nothing but its characters counts. */
const Word = z.union([z.string(), z.number()]).transform(String).pipe(z.string().trim().min(1).max(64));
/** `YYYY-MM-DD HH:mm:ss` in the operator's zone, or Unix seconds. */
const Moment = z.union([z.string().max(32), z.number().min(0).max(1e11)]);
const Side = z.union([z.string().regex(/^\d{1,6}(?:\.\d{1,6})?$/), z.number().min(0).max(1e6).transform(String)]);
const Code = z
  .union([
    z.number(),
    z
      .string()
      .regex(/^\d{1,3}$/)
      .transform(Number),
  ])
  .pipe(z.int().min(0).max(127));
const Flag = z
  .union([z.boolean(), z.number(), z.string().max(8)])
  .transform((value) => /^(?:t|true|yes|1)$/i.test(String(value)));

const Happened = z
  .object({
    ...{ deviceId: maybe(Id), domophoneId: maybe(Id), doorId: maybe(Id) },
    event: Code.pipe(z.int().min(1).max(9)),
    at: maybe(Moment),
    ...{ uid: maybe(Id), flatNumber: MaybeText },
    ...{ key: maybe(Word), code: maybe(Word), phone: maybe(Word), plate: maybe(Word) },
    ...{ faceId: maybe(Id), face: maybe(z.object({ left: Side, top: Side, width: Side, height: Side })) },
    opened: maybe(Flag),
    ...{ title: MaybeText, detail: maybe(z.string().max(1000)) },
    externalId: maybe(Word),
  })
  .refine(({ deviceId, domophoneId, doorId }) => deviceId ?? domophoneId ?? doorId, "a device or a door is needed");

const Recorded = z.object({ ok: z.literal(true), events: z.array(z.string()) });

events.post(
  "/local/api/event",
  describe("Something happened at a door. Answers the ids of the events that are new in flats' logs", Recorded),
  body(Happened),
  async (c) => {
    const written = await recordCollected(c.env, collectedOf(c.req.valid("json"), settings(c.env)));
    after(c)(() => Promise.all(written.map((event) => followUp(c.env, event))));
    return c.json({ ok: true, events: written.map(({ id }) => id) } satisfies z.input<typeof Recorded>);
  },
);

/** A plate, as iOS has always numbered it. */
const PLATE_OF_IOS = 8;

function collectedOf(given: z.output<typeof Happened>, config: Settings): CollectedEvent {
  const { deviceId, domophoneId, doorId, event, at, flatNumber: flat, phone, plate, ...same } = given;
  return {
    ...same,
    ...{ kind: event === PLATE_OF_IOS ? 9 : event, flat, at: momentOf(at, config) },
    place: deviceId ? { deviceId } : domophoneId ? { domophoneId } : { doorId: doorId! },
    phone: phone && (parsePhone(phone, config.COUNTRY)?.digits ?? phone),
    plate: plate && (normalPlate(plate) ?? plate),
  };
}

const DAY_MS = 86_400_000;

/** Throws `invalid` for what is no time, or longer ago than the log goes back. */
function momentOf(given: string | number | undefined, { TIME_ZONE, EVENT_DAYS }: Settings, now = new Date()): Date {
  if (given === undefined) return now;
  const at = typeof given === "number" ? new Date(given * 1000) : instantOf(given, TIME_ZONE);
  if (!at) throw new AppError("invalid", "at: not YYYY-MM-DD HH:mm:ss");
  if (now.getTime() - at.getTime() > EVENT_DAYS * DAY_MS)
    throw new AppError("invalid", "at: longer ago than EVENT_DAYS");
  return at > now ? now : at; // clocks are wrong now and then, and what is still to come has not happened
}

const Noticed = z.object({
  deviceId: Id,
  event: Code.default(0),
  start: maybe(Moment),
  end: maybe(Moment),
  description: maybe(z.string().max(1000)),
  analysis: maybe(z.string().max(4000)),
  externalId: maybe(Word),
});

events.post(
  "/local/api/cameraevent",
  describe("A camera's analytics noticed something. Answers its id if it is new", Recorded),
  body(Noticed),
  async (c) => {
    const written = await recordCollectedOfCamera(c.env, noticedOf(c.req.valid("json"), settings(c.env)));
    if (written) after(c)(() => followUpCamera(c.env, written));
    return c.json({ ok: true, events: written ? [written.id] : [] } satisfies z.input<typeof Recorded>);
  },
);

function noticedOf(given: z.output<typeof Noticed>, config: Settings) {
  const { deviceId, event: kind, start, end, description = "", analysis = null, externalId } = given;
  const startedAt = momentOf(start, config);
  const endedAt = end === undefined ? startedAt : momentOf(end, config);
  if (endedAt < startedAt) throw new AppError("invalid", "end: before the start");
  return { deviceId, kind, startedAt, endedAt, description, analysis, externalId };
}

const FIELDS = 20;
const SendData = z
  .record(
    z.string().max(64),
    z.union([z.string(), z.number(), z.boolean()]).transform(String).pipe(z.string().max(512)),
  )
  .refine((data) => Object.keys(data).length <= FIELDS, "too many fields");
const ForHome = z.object({ uid: maybe(Id), deviceId: maybe(Id), title: MaybeText, sendData: SendData.default({}) });

events.post(
  "/indoor/newEvent",
  describe("A push to everybody in a home, of whatever has happened there"),
  body(ForHome),
  async (c) => {
    const { uid, deviceId, title = "", sendData: data } = c.req.valid("json");
    if (uid) await tellHome(c.env, { uid, deviceId, title: data.title ?? title, data });
    return c.html(DONE);
  },
);
