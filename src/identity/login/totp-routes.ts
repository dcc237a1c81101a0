import { Hono } from "hono";
import { describeRoute } from "hono-openapi";
import * as z from "zod";
import { fail } from "#operator/error-catalogue.ts";
import { database } from "#platform/db.ts";
import { clientAddress } from "#platform/http.ts";
import { identifiersOf } from "../accounts/queries.ts";
import { journal } from "../journal/journal.ts";
import { endAllSessions } from "../sessions/sessions.ts";
import { confirmTotp, dropTotp, newTotp, totpState } from "../totp/totp.ts";
import { bearer } from "../wire/caller.ts";
import { actorOf, type ShieldEnv } from "../wire/context.ts";
import { json } from "../wire/input.ts";
import { takeSecondStepTry } from "./password-login.ts";

/** /me/totp: an authenticator of one's own, so that the telephone network is never the only second step. */
export const totpRoutes = new Hono<ShieldEnv>();

const describe = (summary: string) => describeRoute({ tags: ["shield"], summary });

totpRoutes.post("/me/totp", describe("Set an authenticator up"), bearer({ fresh: true, firm: true }), async (c) => {
  const { operator, id } = c.var.caller;
  const [login] = await identifiersOf(database(c.env), operator, id);
  const label = login?.type === "phone" ? `+${login.value}` : (login?.value ?? id);
  return c.json(await newTotp(c.env, operator, { ownerId: id, label }, actorOf(c)));
});

const Confirmation = z.object({ code: z.string().min(1).max(20) });

totpRoutes.post("/me/totp/confirm", describe("Confirm it by a code"), bearer(), json(Confirmation), async (c) => {
  const { operator, id } = c.var.caller;
  const { code } = c.req.valid("json");
  const state = await totpState(c.env, operator, id);
  if (state !== "unconfirmed") throw fail(state === "none" ? "totp_missing" : "totp_exists");
  const wasRight = await takeSecondStepTry(c.env, operator, { account: id, address: clientAddress(c) });
  const codes = await confirmTotp(c.env, operator, { ownerId: id, code, kind: "account" }, actorOf(c));
  if (!codes) throw fail("totp_invalid");
  await wasRight();
  return c.json({ recovery_codes: codes });
});

/** Whoever signed in elsewhere with its help has to do it again. */
totpRoutes.delete("/me/totp", describe("Remove it"), bearer({ fresh: true, firm: true }), async (c) => {
  const { operator, id, session } = c.var.caller;
  const [now, actor, db] = [new Date(), actorOf(c), database(c.env)];
  if ((await totpState(c.env, operator, id)) === "none") throw fail("totp_missing");
  const [drop, ...rest] = dropTotp(c.env, operator, id);
  const entry = { action: "totp.removed", target: { kind: "account", id } };
  await db.batch([drop, ...journal(db, operator, actor, entry, now), ...rest]);
  const ending = { subject: id, reason: "second step removed", except: session };
  await endAllSessions(c.env, operator, ending, actor, now);
  return c.body(null, 204);
});
