import type { Db, Statement } from "#platform/db.ts";
import { type Actor, journal } from "../journal/journal.ts";
import { masked } from "../login/targets.ts";
import { insertAccount, insertIdentifier } from "./queries.ts";
import { type Claimed, deleteInactiveAccount, deleteRemains } from "./registration-queries.ts";

interface NewInactive {
  id: string;
  identifier: { id: string } & Claimed;
  name?: string | undefined;
  lang?: string | undefined;
  /** The registration whose code activates it. */
  challengeId?: string | undefined;
}

/** The statements that store an account of somebody who has yet to prove the identifier. */
export function insertInactive(
  db: Db,
  operator: string,
  { id, identifier, name, lang, challengeId }: NewInactive,
  actor: Actor,
  now: Date,
): Statement[] {
  const { type, value } = identifier;
  const entry = {
    ...{ action: "account.created", target: { kind: "account", id }, after: { [type]: masked(identifier) } },
    events: [{ type: "account.created", id }],
  } as const;
  const row = { operator, id, status: "inactive", createdAt: now } as const;
  return [
    insertAccount(db, { ...row, name: name ?? null, lang: lang ?? null, challengeId: challengeId ?? null }),
    ...journal(db, operator, actor, entry, now),
    insertIdentifier(db, { operator, id: identifier.id, type, value, accountId: id, createdAt: now }),
  ];
}

/** The statements that remove an account that was never activated, with everything it had. */
export function removeInactive(db: Db, operator: string, id: string, reason: string, actor: Actor, now: Date) {
  const entry = {
    ...{ action: "account.deleted", target: { kind: "account", id }, reason },
    events: [{ type: "account.deleted", id }],
  } as const;
  return [
    deleteInactiveAccount(db, operator, id),
    ...journal(db, operator, actor, entry, now),
    ...deleteRemains(db, operator, id),
  ];
}
