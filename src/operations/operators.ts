import { Hono } from "hono";
import { operatorsOf } from "#identity/admins/sessions.ts";
import { actorOf, type ShieldEnv } from "#identity/wire/context.ts";
import { check, json } from "#identity/wire/input.ts";
import { fail } from "#operator/error-catalogue.ts";
import { type Operator, operatorOf } from "#operator/operators.ts";
import { admin, demandAt, demandEverywhere, demandMatch } from "./gate.ts";
import { addOperator, listOperators, OperatorId, OperatorInput, replaceOperator } from "./operator-directory.ts";

/** The operators of this deployment and what each has decided for itself. */
export const operators = new Hono<ShieldEnv>();

operators.get("/operators", admin("viewer"), async (c) =>
  c.json({
    items: (await listOperators(c.env, operatorsOf(c.var.admin, "viewer"))).map(operatorJson),
    next_cursor: null,
  }),
);

operators.get("/operators/:id", admin("viewer"), async (c) => {
  const id = c.req.param("id");
  demandAt(c, "viewer", id, "operator_not_found");
  const operator = await operatorOf(c.env, id);
  if (!operator) throw fail("operator_not_found");
  c.header("ETag", `"${operator.ver}"`);
  return c.json(operatorJson(operator));
});

operators.put("/operators/:id", admin("operator_admin"), json(OperatorInput), async (c) => {
  const id = check(OperatorId, c.req.param("id"));
  const input = c.req.valid("json");
  const known = c.var.admin.operators.includes(id) ? await operatorOf(c.env, id) : undefined;
  if (known) demandAt(c, "operator_admin", id, "operator_not_found");
  else demandEverywhere(c, "superadmin");
  // The deployment's own operator has version 0 until its document is written down.
  const made = known && known.ver > 0 ? undefined : await addOperator(c.env, id, input, actorOf(c));
  const operator = made ?? (await replaceOperator(c.env, id, input, demandMatch(c), actorOf(c)));
  c.header("ETag", `"${operator.ver}"`);
  return c.json(operatorJson(operator), made ? 201 : 200);
});

const operatorJson = ({ ver: version, ...operator }: Operator) => ({ ...operator, version });
