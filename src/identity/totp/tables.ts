import { integer, primaryKey, sqliteTable, text } from "drizzle-orm/sqlite-core";
import { instant, operator } from "#platform/db.ts";

/** The secret that an authenticator app shares with us: a customer's, or an administrator's. */
export const totpSecrets = sqliteTable(
  "totp_secrets",
  {
    operator: operator(),
    ownerId: text("owner_id").notNull(),
    sealed: text("sealed").notNull(),
    lastStep: integer("last_step").notNull().default(0),
    confirmedAt: instant("confirmed_at"),
    createdAt: instant("created_at").notNull(),
  },
  (t) => [primaryKey({ columns: [t.operator, t.ownerId] })],
);

/** Ten codes for the day the phone is lost, by hash. */
export const recoveryCodes = sqliteTable(
  "recovery_codes",
  {
    operator: operator(),
    ownerId: text("owner_id").notNull(),
    hash: text("hash").notNull(),
    usedAt: instant("used_at"),
  },
  (t) => [primaryKey({ columns: [t.operator, t.ownerId, t.hash] })],
);
