import type { Env } from "#env.ts";
import { type Db, database } from "#platform/db.ts";
import {
  appealsKeptOf,
  appsKeptOf,
  auditKeptOf,
  chatKeptOf,
  choicesKeptOf,
  controllersKeptOf,
  domainsKeptOf,
  inboxKeptOf,
  issuesKeptOf,
  messagesKeptOf,
  policiesKeptOf,
  sessionsKeptOf,
} from "./export-queries.ts";
import { accountView } from "./view.ts";

/** Everything that is kept about a person here. Throws `account_not_found`. */
export async function exportAccount(env: Env, operator: string, id: string) {
  const [{ identifiers, ...person }, kept] = await Promise.all([
    accountView(env, operator, id),
    keptAbout(database(env), operator, id),
  ]);
  const [sessions, domains, devices, policies, audit, messages, apps, choices, inbox, chat, requests, complaints] =
    kept;
  return {
    ...{ account: person, identifiers, sessions: told(sessions), domains: told(domains), devices: told(devices) },
    ...{ policies: told(policies), messages: told(messages), apps: told(apps), choices: told(choices) },
    ...{ inbox: told(inbox), chat: told(chat), requests: told(requests), complaints: told(complaints) },
    audit: told(audit.map((row) => withoutOthers(row, id))),
  };
}

const keptAbout = (db: Db, operator: string, id: string) =>
  db.batch([
    sessionsKeptOf(db, operator, id),
    domainsKeptOf(db, operator, id),
    controllersKeptOf(db, operator, id),
    policiesKeptOf(db, operator, id),
    auditKeptOf(db, operator, id),
    messagesKeptOf(db, operator, id),
    appsKeptOf(db, operator, id),
    choicesKeptOf(db, operator, id),
    inboxKeptOf(db, operator, id),
    chatKeptOf(db, operator, id),
    issuesKeptOf(db, operator, id),
    appealsKeptOf(db, operator, id),
  ]);

/** An employee of the operator, or a neighbour, is nobody whom the export is about. */
const withoutOthers = ({ actorId, ip, ...row }: { actorId: string | null; ip: string | null }, id: string) => ({
  ...row,
  ip: actorId === id ? ip : null,
});

/** The rows as the wire names their fields: `created_at` for `createdAt`. */
const told = (rows: readonly object[]): Record<string, unknown>[] =>
  rows.map((row) => Object.fromEntries(Object.entries(row).map(([name, value]) => [snake(name), value])));

const snake = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
