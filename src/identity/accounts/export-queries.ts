import { and, desc, eq, getTableColumns, or, sql } from "drizzle-orm";
import { chatMessages, inboxMessages } from "#messaging/inbox/tables.ts";
import { messages } from "#messaging/tables.ts";
import { commentsOfIssue } from "#operator/desk/issue-queries.ts";
import { appeals, issues } from "#operator/desk/tables.ts";
import type { Db } from "#platform/db.ts";
import { controllers } from "../controllers/tables.ts";
import { domainMembers, domains } from "../domains/tables.ts";
import { appInstalls, residents } from "../installs/tables.ts";
import { auditLog } from "../journal/tables.ts";
import { policies } from "../policies/tables.ts";
import { sessions } from "../sessions/tables.ts";
import { phonesOf } from "./queries.ts";

// Everything that is kept about one person, for themselves. Never a secret, and never the text of a message.

/** More rows of one kind than this are nobody's. */
const MOST = 1000;

export function sessionsKeptOf(db: Db, operator: string, accountId: string) {
  const { id, device, platform, installId, ipPrefix, city, amr, createdAt, lastSeenAt, expiresAt, endedAt, endReason } =
    getTableColumns(sessions);
  return db
    .select({
      ...{ id, client: sessions.clientId, device, platform, installId, ipPrefix, city, amr },
      ...{ createdAt, lastSeenAt, expiresAt, endedAt, endReason },
    })
    .from(sessions)
    .where(and(eq(sessions.operator, operator), eq(sessions.subjectId, accountId)))
    .orderBy(desc(sessions.createdAt))
    .limit(MOST);
}

export function domainsKeptOf(db: Db, operator: string, accountId: string) {
  return db
    .select({
      id: domains.id,
      name: domains.name,
      role: domainMembers.role,
      expiresAt: domainMembers.expiresAt,
      joinedAt: domainMembers.joinedAt,
    })
    .from(domainMembers)
    .innerJoin(domains, and(eq(domains.operator, domainMembers.operator), eq(domains.id, domainMembers.domainId)))
    .where(and(eq(domainMembers.operator, operator), eq(domainMembers.accountId, accountId)))
    .limit(MOST);
}

export function controllersKeptOf(db: Db, operator: string, accountId: string) {
  const { id, serial, model, name, room, status, claimedAt } = controllers;
  return db
    .select({ id, serial, model, name, room, status, domainId: controllers.domainId, claimedAt })
    .from(controllers)
    .where(and(eq(controllers.operator, operator), eq(controllers.ownerAccountId, accountId)))
    .limit(MOST);
}

export function policiesKeptOf(db: Db, operator: string, accountId: string) {
  const { operator: _, ver: __, ...told } = getTableColumns(policies);
  return db
    .select(told)
    .from(policies)
    .where(and(eq(policies.operator, operator), eq(policies.subjType, "account"), eq(policies.subjId, accountId)))
    .limit(MOST);
}

/** What the account did, and what was done to it; of others only of which kind they are. */
export function auditKeptOf(db: Db, operator: string, accountId: string) {
  const { at, action, actorKind, targetKind, targetId, ip } = auditLog;
  return db
    .select({ at, action, actorKind, actorId: auditLog.actorId, targetKind, targetId, ip })
    .from(auditLog)
    .where(
      and(
        eq(auditLog.operator, operator),
        or(and(eq(auditLog.targetKind, "account"), eq(auditLog.targetId, accountId)), eq(auditLog.actorId, accountId)),
      ),
    )
    .orderBy(desc(auditLog.n))
    .limit(MOST);
}

export function messagesKeptOf(db: Db, operator: string, accountId: string) {
  const { id, channel, purpose, state, createdAt } = messages;
  const recipient = sql<string | null>`iif(${channel} = 'push', NULL, ${messages.recipient})`; // a token opens the way to an app
  return db
    .select({ id, channel, recipient, purpose, state, createdAt })
    .from(messages)
    .where(and(eq(messages.operator, operator), eq(messages.accountId, accountId)))
    .orderBy(desc(messages.createdAt))
    .limit(MOST);
}

/** The installed apps, by their sessions. */
export function appsKeptOf(db: Db, operator: string, accountId: string) {
  const { sessionId, platform, version, manufacturer, model, osVersion, pushService, updatedAt } = appInstalls;
  return db
    .select({ sessionId, platform, version, manufacturer, model, osVersion, pushService, updatedAt })
    .from(appInstalls)
    .where(and(eq(appInstalls.operator, operator), eq(appInstalls.accountId, accountId)))
    .limit(MOST);
}

/** What the person chose to be told of. No row: all of it. */
export function choicesKeptOf(db: Db, operator: string, accountId: string) {
  return db
    .select({ notify: residents.notify, money: residents.money })
    .from(residents)
    .where(and(eq(residents.operator, operator), eq(residents.accountId, accountId)));
}

export function inboxKeptOf(db: Db, operator: string, accountId: string) {
  const { id, title, text, action, link, createdAt, readAt } = inboxMessages;
  return db
    .select({ id, title, text, action, link, createdAt, readAt })
    .from(inboxMessages)
    .where(and(eq(inboxMessages.operator, operator), sql`${inboxMessages.phone} IN (${phonesOf(operator, accountId)})`))
    .orderBy(desc(inboxMessages.createdAt))
    .limit(MOST);
}

export function chatKeptOf(db: Db, operator: string, accountId: string) {
  const { id, author, text, createdAt } = chatMessages;
  return db
    .select({ id, author, text, createdAt })
    .from(chatMessages)
    .where(and(eq(chatMessages.operator, operator), sql`${chatMessages.phone} IN (${phonesOf(operator, accountId)})`))
    .orderBy(desc(chatMessages.id))
    .limit(MOST);
}

/** What the person asked the operator for, with what was said about it. */
export function issuesKeptOf(db: Db, operator: string, accountId: string) {
  const { key, kind, summary, description, address, delivery, fields, status, createdAt } = issues;
  return db
    .select({
      key,
      kind,
      summary,
      description,
      address,
      delivery,
      fields,
      status,
      createdAt,
      comments: commentsOfIssue,
    })
    .from(issues)
    .where(and(eq(issues.operator, operator), eq(issues.accountId, accountId)))
    .orderBy(desc(issues.createdAt))
    .limit(MOST);
}

/** What the person complained of about the house. */
export function appealsKeptOf(db: Db, operator: string, accountId: string) {
  const { id, address, description, status, createdAt } = appeals;
  return db
    .select({ id, address, description, status, createdAt })
    .from(appeals)
    .where(and(eq(appeals.operator, operator), sql`${appeals.phone} IN (${phonesOf(operator, accountId)})`))
    .orderBy(desc(appeals.createdAt))
    .limit(MOST);
}
