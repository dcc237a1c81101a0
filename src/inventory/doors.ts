import { Hono } from "hono";
import * as z from "zod";
import type { AppEnv } from "#platform/http.ts";
import { addDoor, changeDoor, deleteDoor, listDoors, type OpenDoor } from "#premises/registry.ts";
import { describe, done, fields } from "./envelope.ts";
import { Id, numeric, optional, Text } from "./fields.ts";

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
});

doors.post("/doors_list/", describe("List doors", z.object({ doors: z.array(Door) })), async (c) => {
  const all = await listDoors(c.env);
  return c.json({ doors: all.map(doorView) });
});

const DoorFields = z.object({
  device_id: Id.optional(),
  cam: Id.optional(),
  entrance: optional(Text),
  icon: optional(Icon),
  name: Text.optional(),
  open: z.string().max(2048).optional(),
  open_trait: optional(z.string().toUpperCase().pipe(Method)),
});
const NewDoor = DoorFields.required({ device_id: true, cam: true, name: true, open: true });

doors.post("/doors_add/", describe("Add a door"), fields(NewDoor), async (c) => {
  const { device_id: deviceId, cam, icon, entrance, name, open, open_trait } = c.req.valid("json");
  await addDoor(c.env, {
    ...{ deviceId, cam, entrance, name, open },
    icon: icon ?? "entrance",
    openTrait: open_trait ?? "GET",
  });
  return done(c);
});

const ChangedDoor = DoorFields.extend({ doors_id: Id });

doors.post("/doors_mod/", describe("Change a door"), fields(ChangedDoor), async (c) => {
  const { doors_id, device_id: deviceId, icon, open_trait, ...same } = c.req.valid("json");
  await changeDoor(c.env, doors_id, {
    ...same,
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

// "Not used" of a field that always has a value is its usual one; left out is left out.
const or = <T>(value: T | null | undefined, usual: T): T | undefined => (value === null ? usual : value);

const doorView = ({ id, open, deviceId, cam, icon, entrance, name, openTrait }: OpenDoor): z.input<typeof Door> => ({
  ...{ id, open, cam, icon, name },
  device_id: deviceId,
  entrance: numeric(entrance),
  open_trait: openTrait,
});
