import { type Context, Hono } from "hono";
import * as z from "zod";
import { settings } from "#env.ts";
import { type ListedMessage, listMessages, replay } from "#gateway/inbound/replay.ts";
import { journal } from "#identity/journal/journal.ts";
import { actorOf, type ShieldEnv } from "#identity/wire/context.ts";
import { Page, query } from "#identity/wire/input.ts";
import { fail } from "#operator/error-catalogue.ts";
import { database } from "#platform/db.ts";
import { admin, demandAt } from "./gate.ts";
import { afterIn, cursorAfter } from "./page-cursor.ts";

/** SMS on their way to the publisher, and those that did not get there. They are the deployment's own operator's. */
export const gatewayMessages = new Hono<ShieldEnv>();

const Messages = Page.extend({ state: z.enum(["received", "opened", "published", "dead"]).default("dead") });

gatewayMessages.get("/gateway/messages", admin("operator_admin"), query(Messages), async (c) => {
  ownOperator(c);
  const { state, cursor, limit } = c.req.valid("query");
  const rows = await listMessages(c.env, state, { after: afterIn(cursor), limit });
  return c.json({ items: rows.map(view), next_cursor: cursorAfter(rows, limit, (row) => row.nextAttemptAt) });
});

gatewayMessages.post("/gateway/messages/:id/replay", admin("operator_admin"), async (c) => {
  const id = c.req.param("id");
  const found = await replay(c.env, id, recordsOf(c, "gateway_message", id));
  if (found === "unknown") throw fail("message_not_found");
  if (found === 0) throw fail("already_in_state");
  return c.json({ replayed: found }, 202);
});

gatewayMessages.post("/gateway/messages:replay", admin("operator_admin"), async (c) =>
  c.json({ replayed: await replay(c.env, undefined, recordsOf(c, "gateway_messages", null)) }, 202),
);

/** The audit rows of a replay, by somebody who may. */
function recordsOf(c: Context<ShieldEnv>, kind: string, id: string | null) {
  const entry = { action: `${kind}.replayed`, target: { kind, id } };
  return journal(database(c.env), ownOperator(c), actorOf(c), entry, new Date());
}

function ownOperator(c: Context<ShieldEnv>): string {
  const { OPERATOR } = settings(c.env);
  demandAt(c, "operator_admin", OPERATOR, "operator_not_found");
  return OPERATOR;
}

const view = ({ id, source, client, state, attempts, error, ...times }: ListedMessage) => ({
  ...{ id, source, client, state, attempts, error },
  ...{ created_at: times.createdAt, updated_at: times.updatedAt, next_attempt_at: times.nextAttemptAt },
});
