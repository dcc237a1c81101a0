import { env } from "cloudflare:test";
import { sql } from "drizzle-orm";
import { expect, test } from "vitest";
import { database } from "#platform/db.ts";
import { deleteFlatCodesBefore } from "#premises/guests/code-queries.ts";
import { gatesOf, guestsOfAll, ownersOf } from "#premises/guests/list-queries.ts";
import { giveUpPassportsOf, passportsToForget } from "#premises/guests/passport-queries.ts";
import { guestsOf, invitationsOf, noteInvitation, upsertGuest } from "#premises/guests/queries.ts";
import { contractsOf, devicesOf, doorsOf, homesBy, revocationsOf } from "#premises/queries.ts";

// How the database finds guests among a hundred thousand of an operator's: by their contract or by their phone, and never by
// going through all of those whose time is not over.

const [db, at, whose] = [database(env), new Date(), { phone: "79160000000", at: new Date() }];
const guest = { operator: "main", uid: 1, phone: "79160000000", type: "inner", expiresAt: at } as const;

const QUERIES = {
  "the contracts of a phone": contractsOf(db, "main", whose),
  "their devices": devicesOf(db, "main", whose),
  "their doors": doorsOf(db, "main", whose),
  "their settings": homesBy(db, "main", whose),
  "their revocations": revocationsOf(db, "main", whose, 1),
  "their gates": gatesOf(db, "main", whose),
  "their owners": ownersOf(db, "main", whose),
  "their guests": guestsOfAll(db, "main", whose, at),
  "their guests, as a billing names them": guestsOfAll(db, "main", { uids: [1, 2] }, at),
  "the guests of a contract": guestsOf(db, "main", 1, at),
  "who lets a phone in": invitationsOf(db, "main", "79160000000", at),
  "one more guest": upsertGuest(db, { ...guest, grantedBy: "1", createdAt: at }, 50),
  "one more invitation": noteInvitation(db, { ...guest, at }, { perHome: 1, perPhone: 1 }),
  "codes whose time is over": deleteFlatCodesBefore(db, "main", at),
  "passports of a person": giveUpPassportsOf(db, "main", { accounts: sql`SELECT 'a'` }),
  "passports to forget": passportsToForget(db, "main", { decided: at, sent: at }, 50),
};

test.each(Object.entries(QUERIES))("%s are found without reading a whole table", async (_, query) => {
  const { sql, params } = query.toSQL();
  const values = params.map((value) => (value instanceof Date ? value.getTime() : value));
  const plan = await env.DB.prepare(`EXPLAIN QUERY PLAN ${sql}`)
    .bind(...values)
    .all<{ detail: string }>();
  const steps = plan.results.map(({ detail }) => detail);
  const all = steps.filter((step) =>
    /^SCAN (?!own$|CONSTANT|gone|json_each)|\(operator=\?\)$|guests_expiry/.test(step),
  );
  expect([all, steps]).toEqual([[], steps]);
});
