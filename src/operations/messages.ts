import { Hono } from "hono";
import * as z from "zod";
import { type Env, settings } from "#env.ts";
import { operatorsOf } from "#identity/admins/sessions.ts";
import { journal } from "#identity/journal/journal.ts";
import { Evaluation, questionOf } from "#identity/policies/access-wire.ts";
import { explain } from "#identity/policies/explain.ts";
import type { Question } from "#identity/policies/question.ts";
import { actorOf, type ShieldEnv } from "#identity/wire/context.ts";
import { check, json, Page, query } from "#identity/wire/input.ts";
import { mailIsAvailable } from "#messaging/mail.ts";
import { waysOf } from "#messaging/push/ways.ts";
import { messagesOfAccount } from "#messaging/queries.ts";
import { fail } from "#operator/error-catalogue.ts";
import { database } from "#platform/db.ts";
import { recordLook } from "./customer-card.ts";
import { customerAmong } from "./customer-queries.ts";
import { findCustomer } from "./customer-search.ts";
import { admin, demandAt, scopeOf } from "./gate.ts";
import { listMessages, messageView } from "./messages-view.ts";
import { domainAmong, lastDelivered, notificationsWhere } from "./place-queries.ts";

/** What left the house, what waits to, and why somebody may or may not do something. */
export const messages = new Hono<ShieldEnv>();

const Messages = Page.extend({ account: z.string().min(1).max(100).optional(), operator: z.string().optional() });

messages.get("/messages", admin("viewer"), query(Messages), async (c) => {
  const { account, operator, cursor, limit } = c.req.valid("query");
  if (account === undefined) {
    const scope = scopeOf(c, "operator_admin", operator);
    if (scope.length === 0) throw fail("role_insufficient");
    return c.json(await listMessages(c.env, scope, { cursor, limit }, actorOf(c)));
  }
  const row = await findCustomer(c.env, scopeOf(c, "viewer", operator), account);
  await recordLook(c.env, row, "messages", actorOf(c));
  const items = await messagesOfAccount(database(c.env), row.operator, row.id, 100);
  return c.json({ items: items.map(messageView), next_cursor: null });
});

const Waiting = Page.extend({ state: z.enum(["open", "taken"]).optional(), operator: z.string().optional() });

messages.get("/notifications", admin("operator_admin"), query(Waiting), async (c) => {
  const { state, operator, cursor = "", limit } = c.req.valid("query");
  const scope = scopeOf(c, "operator_admin", operator);
  const rows = await notificationsWhere(database(c.env), scope, { state, after: cursor, limit });
  const items = rows.map((row) => ({
    ...{ id: row.id, operator: row.operator, type: row.type, object: { kind: row.aggKind, id: row.aggId } },
    ...{ seq: row.aggSeq, data: row.data, drm: row.drm, occurred_at: row.occurredAt, taken_at: row.takenAt },
  }));
  return c.json({ items, next_cursor: rows.length === limit ? rows.at(-1)!.id : null });
});

messages.get("/health/integrations", admin("viewer"), async (c) => {
  const config = settings(c.env);
  const rows = await lastDelivered(database(c.env), operatorsOf(c.var.admin, "viewer"));
  const last = (channel: string) => {
    const at = rows.find((row) => row.channel === channel)?.at ?? null;
    return at === null ? null : new Date(at);
  };
  const kannel = { configured: config.SMS_TRANSPORT === "kannel", transport: config.SMS_TRANSPORT };
  return c.json({
    kannel: { ...kannel, last_success_at: last("sms") },
    mail: { configured: mailIsAvailable(config), last_success_at: last("email") },
    push: { configured: waysOf(config).length > 0, services: waysOf(config), last_success_at: last("push") },
  });
});

const Explained = Evaluation.extend({ operator: z.string().max(32).optional() });

messages.post("/policies:explain", admin("support"), json(Explained), async (c) => {
  const { operator, ...evaluation } = c.req.valid("json");
  const question = questionOf(evaluation);
  const place = check(z.string(), operator ?? (await operatorAsked(c.env, scopeOf(c, "support"), question)));
  demandAt(c, "support", place, "operator_not_found");
  const { subject, resource, action } = question;
  const entry = {
    ...{ action: "policies.explained", target: { kind: subject.type, id: subject.id } },
    after: { action, resource: `${resource.type}:${resource.id}` },
  };
  await database(c.env).batch(journal(database(c.env), place, actorOf(c), entry, new Date(), "always"));
  return c.json(await explain(c.env, place, question));
});

/** Whose question it is: the operator of the domain that it names, of the account, else the administrator's first one. */
async function operatorAsked(env: Env, scope: readonly string[], { subject, resource, domain: named }: Question) {
  const db = database(env);
  const domain = resource.type === "domain" ? resource.id : named;
  const [home] = domain === undefined ? [] : await domainAmong(db, scope, domain);
  const [person] = home ? [] : await customerAmong(db, scope, subject.id);
  return home?.operator ?? person?.operator ?? scope[0];
}
