import { integer, primaryKey, sqliteTable, text } from "drizzle-orm/sqlite-core";
import { flag, instant, operator } from "#platform/db.ts";

/** The right that a route asks for, with `{params.id}` and the like filled in from the request. */
export interface RoutePolicy {
  action: string;
  /** `type:id` */
  resource: string;
}

/** Which outside path goes to which target, and who may pass. */
export const gatewayRoutes = sqliteTable(
  "gateway_routes",
  {
    operator: operator(),
    id: text("id").notNull(),
    methods: text("methods", { mode: "json" }).$type<string[]>().notNull(),
    pattern: text("pattern").notNull(),
    provider: text("provider").notNull(),
    auth: text("auth", { enum: ["none", "optional", "required"] }).notNull(),
    kinds: text("kinds", { mode: "json" }).$type<string[]>().notNull(),
    scopes: text("scopes", { mode: "json" }).$type<string[]>().notNull(),
    class: text("class", { enum: ["strict", "edge"] }),
    policy: text("policy", { mode: "json" }).$type<RoutePolicy>(),
    identity: text("identity", { enum: ["jws", "none"] }).notNull(),
    keyKid: text("key_kid").notNull(),
    keyVersion: integer("key_version").notNull(),
    passBearer: flag("pass_bearer").notNull(),
    stripPrefix: text("strip_prefix"),
    timeoutMs: integer("timeout_ms").notNull(),
    enabled: flag("enabled").notNull(),
    createdAt: instant("created_at").notNull(),
    ver: integer("ver").notNull().default(1),
  },
  (t) => [primaryKey({ columns: [t.operator, t.id] })],
);

export type GatewayRoute = typeof gatewayRoutes.$inferSelect;
