import { Hono } from "hono";
import { requireToken } from "#operator/integration-token.ts";
import { type AppEnv, limitBody } from "#platform/http.ts";
import { carNumber } from "./car-number.ts";
import { events } from "./events.ts";
import { extensions } from "./extensions.ts";
import { faces } from "./faces.ts";
import { indoor } from "./indoor.ts";
import { realtime } from "./realtime.ts";
import { onError } from "./wire.ts";
import { z5r } from "./z5r.ts";

/** What Asterisk, door panels, plate readers and Z5R controllers call; docs/contracts.md, "PBX and panels". */
export const intercom = new Hono<AppEnv>();

intercom.onError(onError);
for (const path of ["/asterisk/*", "/indoor/*", "/local/api/*"]) intercom.use(path, limitBody, requireToken);

// Each group names its whole paths.
const groups = [realtime, extensions, indoor, carNumber, events, z5r, faces];
for (const group of groups) intercom.route("/", group);
