import { Hono } from "hono";
import type { ShieldEnv } from "#identity/wire/context.ts";
import { limitInput } from "#identity/wire/input.ts";
import { identify, nothingHere, problem } from "#identity/wire/problem.ts";
import { admins } from "./admins.ts";
import { auth } from "./auth.ts";
import { sameOrigin } from "./gate.ts";

/** /ops/v1: what the operators' staff does with customers, with each other, and with the deployment. */
export const ops = new Hono<ShieldEnv>();

ops.use(identify, limitInput, sameOrigin);
ops.onError(problem);

ops.route("/", auth);
ops.route("/", admins);

ops.all("*", nothingHere);
