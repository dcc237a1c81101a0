import { Hono } from "hono";
import { requireToken } from "#operator/integration-token.ts";
import { type AppEnv, limitBody } from "#platform/http.ts";
import { clients } from "./clients.ts";
import { devices } from "./devices.ts";
import { doors } from "./doors.ts";
import { onError } from "./envelope.ts";
import { keys } from "./keys.ts";
import { messages } from "./messages.ts";
import { entries } from "./money.ts";
import { people } from "./people.ts";
import { rights } from "./rights.ts";
import { streamTokens } from "./stream-tokens.ts";
import { auth } from "./token.ts";

/** /bill/api/*: what the operator's billing and CRM manage. Always POST; docs/contracts.md, "Billing and CRM". */
export const inventory = new Hono<AppEnv>();

inventory.onError(onError);
inventory.use(limitBody);
mount(auth);
inventory.use(requireToken);
for (const group of [devices, doors, keys, rights, clients, entries, people, messages, streamTokens]) mount(group);

// The slash at the end is part of the contract's paths. Who forgets it is understood.
function mount(calls: Hono<AppEnv>): void {
  for (const { method, path, handler } of calls.routes) {
    inventory.on(method, path, handler);
    inventory.on(method, path.replace(/\/$/, ""), (c, next) => handler(c, next)); // not told to OpenAPI
  }
}
