import { sql } from "drizzle-orm";
import { index, integer, primaryKey, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";
import { flag, instant, operator } from "#platform/db.ts";

/** Who made the media server that a camera plays from: the apps build their URLs by it. */
export const SERVER_TYPES = ["flussonic", "nimble", "macroscop", "forpost", "trassir"] as const;

/** A camera (type 1, 2), a lock (3) or another thing on a wall. A panel with a camera is entered as both. */
export const devices = sqliteTable(
  "devices",
  {
    deviceId: integer("device_id").primaryKey({ autoIncrement: true }),
    operator: operator(),
    uuid: text("uuid").notNull(),
    type: integer("type").notNull(),
    url: text("url"),
    isActive: flag("is_active").notNull().default(false),
    title: text("title").notNull(),
    address: text("address"),
    longitude: text("longitude"),
    latitude: text("latitude"),
    recordDays: integer("record_days"),
    domophoneid: integer("domophoneid"),
    monitorid: integer("monitorid"),
    dtmf: text("dtmf"),
    paneltype: integer("paneltype"),
    panelip: text("panelip"),
    secrets: text("secrets"),
    mac: text("mac"),
    port: integer("port"),
    serverType: text("server_type", { enum: SERVER_TYPES }).notNull().default("flussonic"),
    hlsMode: text("hls_mode", { enum: ["fmp4", "mpegts"] }),
    hasSound: flag("has_sound").notNull().default(false),
    createdAt: instant("created_at").notNull(),
  },
  (t) => [
    uniqueIndex("devices_uuid").on(t.operator, t.uuid),
    uniqueIndex("devices_domophone").on(t.operator, t.domophoneid).where(sql`domophoneid IS NOT NULL`),
    uniqueIndex("devices_monitor").on(t.operator, t.monitorid).where(sql`monitorid IS NOT NULL`),
    index("devices_address").on(t.operator, t.address),
    uniqueIndex("devices_mac").on(t.operator, t.mac).where(sql`mac IS NOT NULL`),
  ],
);

/** A way through: a lock, the camera that looks at it, and the URL that opens it. */
export const doors = sqliteTable(
  "doors",
  {
    id: integer("id").primaryKey({ autoIncrement: true }),
    operator: operator(),
    deviceId: integer("device_id")
      .notNull()
      .references(() => devices.deviceId, { onDelete: "cascade" }),
    cam: integer("cam")
      .notNull()
      .references(() => devices.deviceId, { onDelete: "cascade" }),
    icon: text("icon", { enum: ["entrance", "wicket", "gate", "barrier"] }).notNull(),
    entrance: text("entrance"),
    name: text("name").notNull(),
    open: text("open").notNull(),
    openTrait: text("open_trait", { enum: ["GET", "PUT", "POST"] })
      .notNull()
      .default("GET"),
    rubetekUuid: text("rubetek_uuid"),
    rubetekExt: integer("rubetek_ext"),
    z5rSerial: text("z5r_serial"),
  },
  (t) => [
    index("doors_device").on(t.deviceId),
    index("doors_cam").on(t.cam),
    index("doors_rubetek").on(t.operator, t.rubetekUuid).where(sql`rubetek_uuid IS NOT NULL`),
    index("doors_z5r").on(t.operator, t.z5rSerial).where(sql`z5r_serial IS NOT NULL`),
  ],
);

/** A contract may use a device. Contract 0 is everybody: the city's cameras. */
export const rights = sqliteTable(
  "rights",
  {
    operator: operator(),
    uid: integer("uid").notNull(),
    deviceId: integer("device_id")
      .notNull()
      .references(() => devices.deviceId, { onDelete: "cascade" }),
  },
  (t) => [primaryKey({ columns: [t.operator, t.uid, t.deviceId] }), index("rights_device").on(t.deviceId)],
);

/** An RFID key of a contract. */
export const keys = sqliteTable(
  "keys",
  {
    operator: operator(),
    uid: integer("uid").notNull(),
    key: text("key").notNull(),
    comment: text("comment").notNull().default(""),
    createdAt: instant("created_at").notNull(),
  },
  (t) => [primaryKey({ columns: [t.operator, t.uid, t.key] }), index("keys_key").on(t.operator, t.key)],
);

/** The number plate of a car that a contract may come in with. */
export const plates = sqliteTable(
  "plates",
  {
    operator: operator(),
    plate: text("plate").notNull(),
    uid: integer("uid").notNull(),
    comment: text("comment").notNull().default(""),
    createdAt: instant("created_at").notNull(),
  },
  (t) => [primaryKey({ columns: [t.operator, t.plate, t.uid] }), index("plates_uid").on(t.operator, t.uid)],
);

/** The intercom settings of one contract's flat. */
export const homes = sqliteTable(
  "homes",
  {
    operator: operator(),
    uid: integer("uid").notNull(),
    cms: flag("cms").notNull().default(true),
    voip: flag("voip").notNull().default(true),
    whiteRabbit: integer("white_rabbit").notNull().default(0),
    autoOpenUntil: instant("auto_open_until").notNull().default(new Date(0)),
    doorCode: text("door_code").notNull(),
    doorCodeOn: flag("door_code_on").notNull().default(true),
    frsOff: flag("frs_off").notNull().default(false),
    eventLogOff: flag("event_log_off").notNull().default(false),
    eventLogHidden: flag("event_log_hidden").notNull().default(false),
    paperBill: flag("paper_bill").notNull().default(false),
    whiteRabbitUntil: instant("white_rabbit_until").notNull().default(new Date(0)),
  },
  (t) => [primaryKey({ columns: [t.operator, t.uid] }), index("homes_door_code").on(t.operator, t.doorCode)],
);

/** A camera token that was handed out: enough to make the same token again, and to see whether it has become too wide. */
export const cameraGrants = sqliteTable(
  "camera_grants",
  {
    operator: operator(),
    sessionId: text("session_id").notNull(),
    digest: text("digest").notNull(),
    accountId: text("account_id").notNull(),
    contracts: text("contracts", { mode: "json" }).notNull().$type<number[]>(),
    streams: text("streams", { mode: "json" }).notNull().$type<string[]>(),
    issuedAt: instant("issued_at").notNull(),
    expiresAt: instant("expires_at").notNull(),
    reviewedAt: instant("reviewed_at").notNull().default(new Date(0)),
  },
  (t) => [
    primaryKey({ columns: [t.operator, t.sessionId, t.digest] }),
    index("camera_grants_live").on(t.operator, t.expiresAt),
  ],
);

/** From this moment on, camera tokens that were issued to the subject earlier are refused. */
export const cameraRevocations = sqliteTable(
  "camera_revocations",
  {
    operator: operator(),
    subject: text("subject").notNull(),
    revokedAt: instant("revoked_at").notNull(),
  },
  (t) => [primaryKey({ columns: [t.operator, t.subject] }), index("camera_revocations_at").on(t.operator, t.revokedAt)],
);

export type Device = typeof devices.$inferSelect;
export type NewDevice = typeof devices.$inferInsert;
export type Door = typeof doors.$inferSelect;
export type NewDoor = typeof doors.$inferInsert;
export type Home = typeof homes.$inferSelect;
export type CameraGrant = typeof cameraGrants.$inferSelect;
export type NewCameraGrant = typeof cameraGrants.$inferInsert;
