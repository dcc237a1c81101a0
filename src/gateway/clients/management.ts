import { Hono, type MiddlewareHandler } from "hono";
import { describeRoute, resolver } from "hono-openapi";
import * as z from "zod";
import { requireToken } from "#operator/integration-token.ts";
import { AppError } from "#platform/errors.ts";
import type { AppEnv } from "#platform/http.ts";
import { anyObject } from "../wire.ts";
import { addClient, changeClient, removeClient, renewKey } from "./clients.ts";
import { wordsIn } from "./filters.ts";
import { ClientItem, clientItem, describe } from "./views.ts";

/** What the operator does with its gateway clients. */
export const management = new Hono<AppEnv>();

/** One line of text that a person can read; numbers are taken for their digits. */
const Line = (name: string, longest: number) =>
  z
    .union([z.string(), z.number()], { error: `${name} must be a text.` })
    .transform((text) => String(text).trim())
    .refine((text) => text.length <= longest && !/\p{C}/u.test(text), {
      error: `${name} must be one line of at most ${longest} characters.`,
    });

const PROTOCOLS = "protocols must be a list of at most 20 words.";
const Protocols = z
  .union([z.string().transform(wordsIn), z.array(z.string())], { error: PROTOCOLS })
  .pipe(z.array(z.string().regex(/^[\w.+-]{1,32}$/, { error: PROTOCOLS })).max(20, { error: PROTOCOLS }));

const Fields = z.object({
  country: Line("country", 64).nullish(),
  operator: Line("operator", 64).nullish(),
  operator_code: Line("operator_code", 16).nullish(),
  protocols: Protocols.nullish(),
});
const NewClient = Fields.extend({ msisdn: Line("msisdn", 32) });

// Their names are those of the wire up to here.
const fieldsOf = ({ country, operator, operator_code, protocols }: z.output<typeof Fields>) => ({
  country: country ?? undefined,
  carrier: operator ?? undefined,
  carrierCode: operator_code ?? undefined,
  protocols: protocols ?? undefined,
});

/** Takes a JSON object, and says in one sentence what is wrong with another one. */
function fields<S extends z.ZodType>(
  schema: S,
): MiddlewareHandler<AppEnv, string, { in: { json: z.input<S> }; out: { json: z.output<S> } }> {
  const parse: MiddlewareHandler = async (c, next) => {
    const result = schema.safeParse(await anyObject(c, "The body must be a JSON object."));
    if (!result.success) throw new AppError("invalid", result.error.issues[0]!.message);
    c.req.addValidatedData("json", result.data as object);
    await next();
  };
  const content = { "application/json": { schema: resolver(schema) } };
  return Object.assign(parse, describeRoute({ requestBody: { content } })) as never;
}

const Key = z.object({ key: z.string() });
const guarded = (status = 200) => ({ status, isGuarded: true });

management.post(
  "/v3/clients",
  describe("Add a gateway client; its key is shown once", ClientItem.extend(Key.shape), guarded(201)),
  requireToken,
  fields(NewClient),
  async (c) => {
    const { msisdn, ...given } = c.req.valid("json");
    const { client, key } = await addClient(c.env, { number: msisdn, ...fieldsOf(given) });
    return c.json({ ...clientItem(client), key }, 201);
  },
);

management.patch(
  "/v3/clients/:msisdn",
  describe("Change a gateway client", ClientItem, guarded()),
  requireToken,
  fields(Fields),
  async (c) => c.json(clientItem(await changeClient(c.env, c.req.param("msisdn"), fieldsOf(c.req.valid("json"))))),
);

management.delete(
  "/v3/clients/:msisdn",
  describe("Remove a gateway client, its key and its tests", undefined, guarded(204)),
  requireToken,
  async (c) => {
    await removeClient(c.env, c.req.param("msisdn"));
    return c.body(null, 204);
  },
);

management.post(
  "/v3/clients/:msisdn/key",
  describe("Give a gateway client another key; the old one is dead at once", Key, guarded(201)),
  requireToken,
  async (c) => c.json({ key: await renewKey(c.env, c.req.param("msisdn")) }, 201),
);
