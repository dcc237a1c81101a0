import { Hono, type MiddlewareHandler } from "hono";
import { requireToken } from "#operator/integration-token.ts";
import { type AppEnv, limitBody, limitBodyTo, limitPhotoBody } from "#platform/http.ts";
import { clients } from "./clients.ts";
import { desk } from "./desk.ts";
import { devices } from "./devices.ts";
import { doors } from "./doors.ts";
import { onError } from "./envelope.ts";
import { flatAccess } from "./flat-access.ts";
import { keys } from "./keys.ts";
import { messages } from "./messages.ts";
import { entries } from "./money.ts";
import { people } from "./people.ts";
import { places } from "./places.ts";
import { plates } from "./plates.ts";
import { rights } from "./rights.ts";
import { smartHome } from "./smart-home.ts";
import { streamTokens } from "./stream-tokens.ts";
import { auth } from "./token.ts";

/** /bill/api/*: what the operator's billing and CRM manage. Always POST; docs/contracts.md, "Billing and CRM". */
export const inventory = new Hono<AppEnv>();

inventory.onError(onError);
/** Room for a city. */
const limitPlaces = limitBodyTo(2 * 1024 * 1024);
const limit: MiddlewareHandler = (c, next) => {
  if (/\/appeals_mod\/?$/.test(c.req.path)) return limitPhotoBody(c, next);
  return (/\/places_update\/?$/.test(c.req.path) ? limitPlaces : limitBody)(c, next);
};
inventory.use(limit);
mount(auth);
inventory.use(requireToken);
for (const group of [
  devices,
  doors,
  keys,
  plates,
  rights,
  clients,
  entries,
  people,
  flatAccess,
  messages,
  smartHome,
  streamTokens,
  desk,
  places,
])
  mount(group);

// The slash at the end is part of the contract's paths. Who forgets it is understood.
function mount(calls: Hono<AppEnv>): void {
  for (const { method, path, handler } of calls.routes) {
    inventory.on(method, path, handler);
    inventory.on(method, path.replace(/\/$/, ""), (c, next) => handler(c, next)); // not told to OpenAPI
  }
}
