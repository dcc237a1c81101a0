import { and, desc, eq, getTableColumns, or } from "drizzle-orm";
import { messages } from "#messaging/tables.ts";
import type { Db } from "#platform/db.ts";
import { controllers } from "../controllers/tables.ts";
import { domainMembers, domains } from "../domains/tables.ts";
import { auditLog } from "../journal/tables.ts";
import { policies } from "../policies/tables.ts";
import { sessions } from "../sessions/tables.ts";

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
  const { id, channel, recipient, purpose, state, createdAt } = messages;
  return db
    .select({ id, channel, recipient, purpose, state, createdAt })
    .from(messages)
    .where(and(eq(messages.operator, operator), eq(messages.accountId, accountId)))
    .orderBy(desc(messages.createdAt))
    .limit(MOST);
}
