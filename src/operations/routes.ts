import { Hono } from "hono";
import type { ShieldEnv } from "#identity/wire/context.ts";
import { limitInput } from "#identity/wire/input.ts";
import { identify, nothingHere, problem } from "#identity/wire/problem.ts";
import { admins } from "./admins.ts";
import { audit } from "./audit.ts";
import { auth } from "./auth.ts";
import { clients } from "./clients.ts";
import { customerCodes } from "./customer-codes.ts";
import { customers } from "./customers.ts";
import { deadLetters } from "./dead-letters.ts";
import { devices } from "./devices.ts";
import { domains } from "./domains.ts";
import { sameOrigin } from "./gate.ts";
import { gatewayMessages } from "./gateway-messages.ts";
import { gatewayRoutes } from "./gateway-routes.ts";
import { keys } from "./keys.ts";
import { messages } from "./messages.ts";
import { operators } from "./operators.ts";

/** /ops/v1: what the operators' staff does with customers, with each other, and with the deployment. */
export const ops = new Hono<ShieldEnv>();

ops.use(identify, limitInput, sameOrigin);
ops.onError(problem);

for (const part of [
  auth,
  admins,
  operators,
  clients,
  keys,
  customers,
  customerCodes,
  domains,
  devices,
  messages,
  gatewayMessages,
  deadLetters,
  gatewayRoutes,
  audit,
])
  ops.route("/", part);

ops.all("*", nothingHere(ops));
