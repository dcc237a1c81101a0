import { type Context, Hono } from "hono";
import * as z from "zod";
import type { Env } from "#env.ts";
import { createCustomer } from "#identity/accounts/customers.ts";
import { Lang, PersonName } from "#identity/accounts/fields.ts";
import { type SentCode, sendActivation, sendLoginCode } from "#identity/accounts/support-codes.ts";
import { actorOf, type ShieldEnv } from "#identity/wire/context.ts";
import { idempotent } from "#identity/wire/idempotency.ts";
import { json, Login } from "#identity/wire/input.ts";
import { fail, failureCodeOf } from "#operator/error-catalogue.ts";
import { operatorOf } from "#operator/operators.ts";
import { AppError } from "#platform/errors.ts";
import { customerCard } from "./customer-card.ts";
import { findCustomer } from "./customer-search.ts";
import { admin, demandAt, ownOperator, scopeOf } from "./gate.ts";

/** New customers, and codes for those who call support. No answer here holds a code. */
export const customerCodes = new Hono<ShieldEnv>();

const support = admin("support");

const NewCustomer = z.object({
  operator: z.string().min(1).max(32).optional(),
  login: Login,
  name: PersonName.optional(),
  lang: Lang.optional(),
  send_activation: z.boolean().default(true),
});

customerCodes.post("/customers", support, idempotent, json(NewCustomer), async (c) => {
  const { operator: named, send_activation: isToBeSent, ...given } = c.req.valid("json");
  const id = named ?? ownOperator(c, "support");
  demandAt(c, "support", id, "operator_not_found");
  const operator = await demandOperator(c.env, id);
  const customer = await createCustomer(c.env, operator, given, actorOf(c));
  const channel = given.login.type === "phone" ? "sms" : "email";
  const activation = isToBeSent
    ? await toldAnyway(() => sendActivation(c.env, operator, customer.id, channel, actorOf(c)))
    : null;
  const row = await findCustomer(c.env, [id], customer.id);
  c.header("ETag", `"${row.ver}"`);
  return c.json({ ...(await customerCard(c.env, row)), activation }, 201);
});

const Channel = z.object({ channel: z.enum(["sms", "email"]).optional() });

for (const [name, send] of Object.entries({ "send-activation": sendActivation, "send-login-code": sendLoginCode })) {
  customerCodes.post(`/customers/:id/${name}`, support, json(Channel), async (c) => {
    const { id, operator } = await customerHere(c);
    const sent = await send(c.env, await demandOperator(c.env, operator), id, c.req.valid("json").channel, actorOf(c));
    return c.json(sentView(sent), 202);
  });
}

async function customerHere(c: Context<ShieldEnv>) {
  const row = await findCustomer(c.env, scopeOf(c, "viewer"), c.req.param("id")!);
  demandAt(c, "support", row.operator, "account_not_found");
  return row;
}

async function demandOperator(env: Env, id: string) {
  const operator = await operatorOf(env, id);
  if (!operator) throw fail("operator_not_found");
  return operator;
}

const sentView = ({ message_id, channel, expires_in }: SentCode) => ({ message_id, channel, expires_in });

/** The customer is there whether or not a code could be sent; why not is told beside. */
async function toldAnyway(send: () => Promise<SentCode>) {
  try {
    return sentView(await send());
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return { error: failureCodeOf(error) };
  }
}
