import { describeRoute, resolver } from "hono-openapi";
import * as z from "zod";
import { wordsIn } from "./filters.ts";
import type { GatewayClient, ReliabilityTest } from "./tables.ts";

// How /v3 tells clients and tests; docs/sms-gateway.md, "Gateway clients and their keys". The app that lists them reads seconds
// as whole numbers and refuses a null in a client.

export const ClientItem = z.object({
  country: z.string(),
  last_published_date: z.number().int(),
  msisdn: z.string(),
  operator: z.string(),
  operator_code: z.string(),
  protocols: z.array(z.string()),
  reliability: z.string(),
});

export const clientItem = (client: GatewayClient): z.input<typeof ClientItem> => ({
  country: client.country,
  last_published_date: secondsOf(client.lastPublishedAt),
  msisdn: client.msisdn,
  operator: client.carrier,
  operator_code: client.carrierCode,
  protocols: wordsIn(client.protocols),
  reliability: client.reliability.toFixed(2),
});

export const TestItem = z.object({
  id: z.number().int(),
  msisdn: z.string(),
  sms_received_time: z.number().int().nullable(),
  sms_routed_time: z.number().int().nullable(),
  sms_sent_time: z.number().int().nullable(),
  start_time: z.number().int(),
  status: z.enum(["running", "success", "timedout"]),
});

export const testItem = (test: ReliabilityTest): z.input<typeof TestItem> => ({
  id: test.id,
  msisdn: test.msisdn,
  sms_received_time: test.receivedAt && secondsOf(test.receivedAt),
  sms_routed_time: test.routedAt && secondsOf(test.routedAt),
  sms_sent_time: test.sentAt && secondsOf(test.sentAt),
  start_time: secondsOf(test.startedAt),
  status: test.status,
});

export const secondsOf = (time: Date): number => Math.floor(time.getTime() / 1000);

/** Documents one call of /v3: what it does, the shape of its answer, and its status when that is not 200. */
export function describe(summary: string, answer?: z.ZodType, { status = 200, isGuarded = false } = {}) {
  const content = answer && { content: { "application/json": { schema: resolver(answer) } } };
  return describeRoute({
    summary,
    tags: ["gateway"],
    ...(isGuarded && { security: [{ integration: [] }] }),
    responses: { [status]: { description: "OK", ...content }, "4XX": { description: '{"error": "…"}' } },
  });
}
