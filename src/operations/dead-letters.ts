import { type Context, Hono } from "hono";
import * as z from "zod";
import { settings } from "#env.ts";
import { journal } from "#identity/journal/journal.ts";
import { actorOf, type ShieldEnv } from "#identity/wire/context.ts";
import { Page, query } from "#identity/wire/input.ts";
import { database } from "#platform/db.ts";
import { type DeadLetter, listDeadLetters, replayDeadLetter } from "#platform/dead-letters.ts";
import { admin, demandAt } from "./gate.ts";
import { afterIn, cursorAfter } from "./page-cursor.ts";

/** What no consumer of a queue could digest. It is the deployment's, so it is for its superadmins. */
export const deadLetters = new Hono<ShieldEnv>();

const Letters = Page.extend({ state: z.enum(["open", "replayed"]).default("open") });

deadLetters.get("/dead-letters", admin("superadmin"), query(Letters), async (c) => {
  ownOperator(c);
  const { state, cursor, limit } = c.req.valid("query");
  const rows = await listDeadLetters(c.env, state === "replayed", { after: afterIn(cursor), limit });
  return c.json({ items: rows.map(view), next_cursor: cursorAfter(rows, limit, (row) => row.failedAt) });
});

deadLetters.post("/dead-letters/:id/replay", admin("superadmin"), async (c) => {
  const id = c.req.param("id");
  const entry = { action: "dead_letter.replayed", target: { kind: "dead_letter", id } };
  const records = journal(database(c.env), ownOperator(c), actorOf(c), entry, new Date());
  await replayDeadLetter(c.env, id, records);
  return c.body(null, 202);
});

function ownOperator(c: Context<ShieldEnv>): string {
  const { OPERATOR } = settings(c.env);
  demandAt(c, "superadmin", OPERATOR, "operator_not_found");
  return OPERATOR;
}

const view = ({ id, queue, body, failedAt, replayedAt }: DeadLetter) => ({
  ...{ id, queue, about: subjectOf(JSON.parse(body)), failed_at: failedAt, replayed_at: replayedAt },
});

/** Which row or which kind of signal it was. The rest of a body may be a push token or the number of a key. */
function subjectOf(body: unknown): string | null {
  const { id, type, device } = (typeof body === "object" && body !== null ? body : {}) as Record<string, unknown>;
  const subject = id ?? type ?? device;
  return typeof subject === "string" || typeof subject === "number" ? String(subject).slice(0, 100) : null;
}
