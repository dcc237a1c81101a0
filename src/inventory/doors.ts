import { Hono } from "hono";
import * as z from "zod";
import type { AppEnv } from "#platform/http.ts";
import { addDoor, changeDoor, deleteDoor, listDoors, type OpenDoor } from "#premises/registry.ts";
import { describe, done, fields } from "./envelope.ts";
import { Count, Id, numeric, optional, Text } from "./fields.ts";

/** POST /bill/api/doors_*: which lock and which camera make a door, and how it is opened. */
export const doors = new Hono<AppEnv>();

// The apps drop all doors of an address when they meet an icon that they do not know.
const Icon = z.enum(["entrance", "wicket", "gate", "barrier"]);
const Method = z.enum(["GET", "PUT", "POST"]);

const Door = z.object({
  id: z.int(),
  open: z.string(),
  device_id: z.int(),
  cam: z.int(),
  icon: Icon,
  entrance: z.union([z.int(), z.string(), z.null()]),
  name: z.string(),
  open_trait: Method,
  rubetek_uuid: z.string().optional(),
  rubetek_ext: z.int().optional(),
  z5r_serial: z.string().optional(),
});

doors.post("/doors_list/", describe("List doors", z.object({ doors: z.array(Door) })), async (c) => {
  const all = await listDoors(c.env);
  return c.json({ doors: all.map(doorView) });
});

/** Which camera of a plate reader: 0 its own, 1 the external one. */
const Side = z.union([z.boolean().transform(Number), Count]).pipe(z.int().max(1));

const DoorFields = z.object({
  device_id: Id.optional(),
  cam: Id.optional(),
  entrance: optional(Text),
  icon: optional(Icon),
  name: Text.optional(),
  open: z.string().max(2048).optional(),
  open_trait: optional(z.string().toUpperCase().pipe(Method)),
  rubetek_uuid: optional(z.string().trim().toLowerCase().max(64)),
  rubetek_ext: optional(Side),
  z5r_serial: optional(Text.pipe(z.string().trim().max(64))),
});
const NewDoor = DoorFields.required({ device_id: true, cam: true, name: true, open: true });

doors.post("/doors_add/", describe("Add a door"), fields(NewDoor), async (c) => {
  const { device_id: deviceId, icon, open_trait, ...same } = c.req.valid("json");
  await addDoor(c.env, {
    ...readersOf(same),
    deviceId,
    icon: icon ?? "entrance",
    openTrait: open_trait ?? "GET",
  });
  return done(c);
});

const ChangedDoor = DoorFields.extend({ doors_id: Id });

doors.post("/doors_mod/", describe("Change a door"), fields(ChangedDoor), async (c) => {
  const { doors_id, device_id: deviceId, icon, open_trait, ...same } = c.req.valid("json");
  await changeDoor(c.env, doors_id, {
    ...readersOf(same),
    deviceId,
    icon: or(icon, "entrance"),
    openTrait: or(open_trait, "GET"),
  });
  return done(c);
});

doors.post("/doors_del/", describe("Delete a door"), fields(z.object({ doors_id: Id })), async (c) => {
  await deleteDoor(c.env, c.req.valid("json").doors_id);
  return done(c);
});

/** Which readers let in here, as the columns call them. */
const readersOf = <T extends Pick<z.output<typeof DoorFields>, "rubetek_uuid" | "rubetek_ext" | "z5r_serial">>({
  rubetek_uuid,
  rubetek_ext,
  z5r_serial,
  ...same
}: T) => ({ ...same, rubetekUuid: rubetek_uuid, rubetekExt: rubetek_ext, z5rSerial: z5r_serial });

// "Not used" of a field that always has a value is its usual one; left out is left out.
const or = <T>(value: T | null | undefined, usual: T): T | undefined => (value === null ? usual : value);

const doorView = ({ deviceId, entrance, openTrait, ...door }: OpenDoor): z.input<typeof Door> => ({
  ...{ id: door.id, open: door.open, cam: door.cam, icon: door.icon, name: door.name },
  device_id: deviceId,
  entrance: numeric(entrance),
  open_trait: openTrait,
  // Most doors have no such reader, and their lines are as they always were.
  ...(door.rubetekUuid !== null && { rubetek_uuid: door.rubetekUuid }),
  ...(door.rubetekExt !== null && { rubetek_ext: door.rubetekExt }),
  ...(door.z5rSerial !== null && { z5r_serial: door.z5rSerial }),
});
