import { type Context, Hono } from "hono";
import { cors } from "hono/cors";
import { settings } from "#env.ts";
import { AppError } from "#platform/errors.ts";
import { type AppEnv, clientAddress, limitBodyTo } from "#platform/http.ts";
import { type ClientEnv, callerOf, knowClient } from "../clients/keys.ts";
import { demandText, lenientObject, onlyMethods, onTextError, text } from "../wire.ts";
import { type From, hearPing, hearSign } from "./pings.ts";
import { masked } from "./seed.ts";
import { findSeeds, type LiveSeed, numberOfSeed } from "./seeds.ts";

/** /seeds*, /seeders: phones that relay SMS say that they are there and which number they have, and others find them. */
export const seeds = new Hono<AppEnv>();
seeds.onError(onTextError);
for (const path of ["/seeds/*", "/seeders"])
  seeds.use(path, cors({ origin: "*", allowMethods: ["GET", "HEAD", "POST"], maxAge: 86_400 }), limitBodyTo(16 * 1024));

seeds.post("/seeds/ping", knowClient, async (c) => {
  const { IMSI, MSISDN, seed_type } = await lenientObject(c);
  const imsi = demandText(word(IMSI), "missing IMSI");
  const msisdn = demandText(word(MSISDN), "missing MSISDN");
  const seedType = demandText(word(seed_type), "missing seeder state");
  return text(c, secondsOf(await hearPing(c.env, from(c), { imsi, msisdn, seedType })).toFixed(3));
});

// Some proxies drop a header with an underscore in its name.
seeds.get("/seeds/ping", knowClient, async (c) => {
  const data = demandText(c.req.header("sim_data") ?? c.req.header("sim-data"), "no sim data found");
  await hearSign(c.env, from(c), data.split(".")[0]!.trim());
  return text(c, "");
});
seeds.all("/seeds/ping", onlyMethods("GET", "HEAD", "OPTIONS", "POST"));

seeds.post("/seeds", knowClient, async (c) => {
  const isJson = /^application\/json\s*(;|$)/i.test(c.req.header("content-type") ?? "");
  if (!isJson) throw new AppError("invalid", "Content-Type not supported!");
  const body = await lenientObject(c, "Invalid json format");
  const [imsi, msisdn] = [body.IMSI, body.MSISDN].map((value) => demandText(word(value), "Invalid json format"));
  await hearPing(c.env, from(c), { imsi: imsi!, msisdn: msisdn!, seedType: undefined });
  return text(c, "Seed has been registered");
});

seeds.get("/seeds", (c) => listed(c));
seeds.get("/seeders", (c) => listed(c, "seeder"));
seeds.all("/seeds", onlyMethods("GET", "HEAD", "OPTIONS", "POST"));
seeds.all("/seeders", onlyMethods("GET", "HEAD", "OPTIONS"));

seeds.get("/seeds/:imsi", knowClient, async (c) => text(c, await numberOfSeed(c.env, c.req.param("imsi"))));
seeds.all("/seeds/:imsi", onlyMethods("GET", "HEAD", "OPTIONS"));

async function listed(c: Context<AppEnv>, seedType?: string) {
  const [found, caller] = await Promise.all([findSeeds(c.env, seedType), callerOf(c)]);
  const isWhole = caller !== undefined || settings(c.env).GATEWAY_OPEN;
  return c.json(found.map((seed) => itemOf(seed, isWhole)));
}

// Phones in the field drop an item of which a key is missing.
const itemOf = (seed: LiveSeed, isWhole: boolean) => ({
  IMSI: isWhole ? seed.imsi : masked(seed.imsi),
  LPS: secondsOf(seed.pingedAt),
  MSISDN: seed.msisdn,
  country: seed.country,
  operator_id: seed.carrierCode,
  operator_name: seed.carrier,
  seed_type: seed.seedType,
});

const from = (c: Context<ClientEnv>): From => ({
  client: c.var.client,
  isOperator: c.var.isOperator,
  address: clientAddress(c),
});

const secondsOf = (time: Date): number => time.getTime() / 1000;

/** Some phones write a number as one. */
const word = (value: unknown): unknown => (typeof value === "number" ? String(value) : value);
