import { Hono } from "hono";
import { cors } from "hono/cors";
import * as z from "zod";
import { requireToken } from "#operator/integration-token.ts";
import type { AppEnv } from "#platform/http.ts";
import { onJsonError, onlyMethods } from "../wire.ts";
import { carriersWithClients, countriesWithClients, findClients } from "./clients.ts";
import { filtersOf, wordsOf } from "./filters.ts";
import { management } from "./management.ts";
import { pageOf, tellPage } from "./pages.ts";
import { startTest, testsOf } from "./tests.ts";
import { ClientItem, clientItem, describe, secondsOf, TestItem, testItem } from "./views.ts";

/** /v3/clients*: which phones people may send their SMS to, and how reliable each is. */
export const clients = new Hono<AppEnv>();

clients.onError(onJsonError);
clients.use(
  "/v3/*",
  cors({
    origin: "*",
    exposeHeaders: ["Link, X-Page, X-Per-Page, X-Total-Count"],
    allowHeaders: ["authorization", "content-type"],
    maxAge: 86_400,
  }),
);

clients.get("/v3/clients", describe("List the gateway clients", z.array(ClientItem)), async (c) => {
  const [page, words] = [pageOf(c.req.query()), wordsOf(c.req.query())];
  const found = await findClients(c.env, filtersOf(words), page);
  tellPage(c, page, found.total, words);
  return c.json(found.clients.map(clientItem));
});

clients.route("/", management);
clients.all("/v3/clients", onlyMethods("GET", "HEAD", "OPTIONS", "POST"));

const Names = z.array(z.string());

clients.get("/v3/clients/countries", describe("List the countries that have gateway clients", Names), async (c) =>
  c.json(await countriesWithClients(c.env)),
);
clients.all("/v3/clients/countries", onlyMethods("GET", "HEAD", "OPTIONS"));
clients.all("/v3/clients/:msisdn", onlyMethods("DELETE", "OPTIONS", "PATCH"));
clients.all("/v3/clients/:msisdn/key", onlyMethods("OPTIONS", "POST"));

clients.get("/v3/clients/:country/operators", describe("List a country's mobile operators", Names), async (c) =>
  c.json(await carriersWithClients(c.env, c.req.param("country"))),
);
clients.all("/v3/clients/:country/operators", onlyMethods("GET", "HEAD", "OPTIONS"));

clients.get("/v3/clients/:msisdn/tests", describe("List a gateway client's tests", z.array(TestItem)), async (c) => {
  const page = pageOf(c.req.query());
  const { total, tests } = await testsOf(c.env, c.req.param("msisdn"), page);
  tellPage(c, page, total);
  return c.json(tests.map(testItem));
});

const Started = z.object({ message: z.string(), test_id: z.number().int(), test_start_time: z.number().int() });

clients.post(
  "/v3/clients/:msisdn/tests",
  describe("Begin a reliability test: an SMS leaves for the client", Started, { isGuarded: true }),
  requireToken,
  async (c) => {
    const { id, startedAt } = await startTest(c.env, c.req.param("msisdn"));
    return c.json({ message: "Test started successfully.", test_id: id, test_start_time: secondsOf(startedAt) });
  },
);
clients.all("/v3/clients/:msisdn/tests", onlyMethods("GET", "HEAD", "OPTIONS", "POST"));
