import { env } from "cloudflare:test";
import { expect, test } from "vitest";
import {
  domainsAsked,
  membershipsOf,
  operatorOfClient,
  policiesAsked,
  resourcesOf,
  subjectsOf,
} from "#identity/policies/facts-queries.ts";
import { policiesWhere } from "#identity/policies/queries.ts";
import type { Question } from "#identity/policies/question.ts";
import { candidateResources, candidateSubjects } from "#identity/policies/search-queries.ts";
import { database } from "#platform/db.ts";

const db = database(env);
const asked: Question[] = [
  { subject: { type: "account", id: "acc_1" }, action: "view", resource: { type: "door", id: "d1" } },
];
const shown = operatorOfClient("cli_1", "hash");
const slice = { after: "", limit: 10 };
const account = { type: "account", id: "acc_1" } as const;
const door = { type: "door", id: "d1" };

// A plan that follows the operator alone goes through everything that the operator has.
test.each<[string, { toSQL(): { sql: string; params: unknown[] } }]>([
  ["the subjects of questions", subjectsOf(db, "main", asked)],
  ["their resources", resourcesOf(db, "main", asked)],
  ["their domains", domainsAsked(db, "main", asked)],
  ["their memberships", membershipsOf(db, "main", asked)],
  ["their rules", policiesAsked(db, "main", asked, false)],
  ["everybody's rules", policiesAsked(db, "main", asked, true)],
  ["what a client's operator has: the subjects", subjectsOf(db, shown, asked)],
  ["what a client's operator has: the resources", resourcesOf(db, shown, asked)],
  ["what a client's operator has: the domains", domainsAsked(db, shown, asked)],
  ["what a client's operator has: the memberships", membershipsOf(db, shown, asked)],
  ["what a client's operator has: the rules", policiesAsked(db, shown, asked, false)],
  ["resources to search in", candidateResources(db, "main", { subject: account, type: "door" }, slice)],
  ["people to search among", candidateSubjects(db, "main", "account", asked[0]!, slice)],
  ["controllers to search among", candidateSubjects(db, "main", "device", asked[0]!, slice)],
  ["rules of a domain", policiesWhere(db, "main", { domain: "dom_1" }, "", 10)],
  ["rules about a subject", policiesWhere(db, "main", { subject: account }, "", 10)],
  ["rules on a resource", policiesWhere(db, "main", { resource: door }, "", 10)],
])("POL-2 the store finds %s by key, whatever the operator has", async (_, query) => {
  const { sql, params } = query.toSQL();
  const { results } = await env.DB.prepare(`EXPLAIN QUERY PLAN ${sql}`)
    .bind(...params)
    .all<{ detail: string }>();
  const steps = results
    .map(({ detail }) => detail)
    .filter((detail) => / USING /.test(detail) && !/VIRTUAL|TEMP/.test(detail));
  expect(steps.length).toBeGreaterThan(0);
  expect(steps.filter((detail) => /\(operator=\?\)|\(operator=\? AND \w+>\?\)/.test(detail))).toEqual([]);
});
