import { env } from "cloudflare:test";
import { expect, test } from "vitest";
import {
  carriersIn,
  clientBy,
  clientsOn,
  countClients,
  countriesOf,
  deleteClient,
  updateClient,
  updatePublished,
} from "#gateway/clients/client-queries.ts";
import {
  clientsWithDue,
  clientsWithOld,
  countDue,
  countTests,
  deleteTest,
  deleteTests,
  deleteTestsBefore,
  insertTest,
  succeedTest,
  testsOn,
  timeOutTests,
  updateScore,
} from "#gateway/clients/test-queries.ts";
import { database } from "#platform/db.ts";

// Which index a statement takes: none may walk through other operators' rows, or through all tests where an index leads to some.

const db = database(env);
const now = new Date();
const page = { page: 3, perPage: 10 };
const filters = { country: "x", operator: "y", protocols: ["z"], day: { from: now, until: now } };
const arrival = { sent: 1, received: 2, routed: 3 };

const OWN = "sqlite_autoindex_gateway_clients_1 (operator=?)";
const ONE = "sqlite_autoindex_gateway_clients_1 (operator=? AND msisdn=?)";
const TESTS = "gateway_tests_client (operator=? AND msisdn=?)";
const RUNNING = "gateway_tests_running (operator=? AND msisdn=?)";
const ALL_RUNNING = "gateway_tests_running (operator=?)";
const OLD = "gateway_tests_started (operator=? AND started_at<?)";

test.each([
  ["countClients", countClients(db, "main", filters), [OWN]],
  ["clientsOn", clientsOn(db, "main", filters, page), [OWN]],
  ["countriesOf", countriesOf(db, "main"), [OWN]],
  ["carriersIn", carriersIn(db, "main", "x"), [OWN]],
  ["clientBy", clientBy(db, "main", "+1"), [ONE]],
  ["updateClient", updateClient(db, "main", "+1", { protocols: "" }), [ONE]],
  ["updatePublished", updatePublished(db, "main", "+1", now), [ONE]],
  ["deleteClient", deleteClient(db, "main", "+1"), [ONE]],
  ["testsOn", testsOn(db, "main", "+1", page), [TESTS]],
  ["countTests", countTests(db, "main", "+1"), [TESTS]],
  ["countDue", countDue(db, "main", "+1", now), [RUNNING]],
  ["clientsWithDue", clientsWithDue(db, "main", now), [ALL_RUNNING]],
  ["clientsWithOld", clientsWithOld(db, "main", now), [OLD]],
  ["timeOutTests", timeOutTests(db, "main", now, "+1"), [RUNNING]],
  ["timeOutTests of all", timeOutTests(db, "main", now), [ALL_RUNNING]],
  ["insertTest", insertTest(db, "main", "+1", now), [ONE]],
  ["succeedTest", succeedTest(db, "main", { id: 1, msisdn: "+1" }, arrival, now), ["INTEGER PRIMARY KEY (rowid=?)"]],
  ["updateScore", updateScore(db, "main", ["+1"]), [ONE, TESTS]],
  ["deleteTests", deleteTests(db, "main", "+1"), [TESTS]],
  ["deleteTest", deleteTest(db, "main", 1), ["INTEGER PRIMARY KEY (rowid=?)"]],
  ["deleteTestsBefore", deleteTestsBefore(db, "main", now), [OLD]],
])("%s goes by an index", async (_, statement, indexes) => {
  const { sql, params } = statement.toSQL();
  const { results } = await env.DB.prepare(`EXPLAIN QUERY PLAN ${sql}`)
    .bind(...params)
    .all<{ detail: string }>();
  const steps = results.map(({ detail }) => detail).filter((detail) => /gateway_| t /.test(detail));
  expect(steps.map((step) => step.replace(/^SEARCH \w+ USING (COVERING )?(INDEX )?/, ""))).toEqual(indexes);
});
