import { Hono, type MiddlewareHandler } from "hono";
import * as z from "zod";
import { settings } from "#env.ts";
import { type ContractRecord, createContract, listContracts } from "#operator/contracts.ts";
import type { ContractName } from "#operator/queries.ts";
import type { AppEnv } from "#platform/http.ts";
import { roubles } from "#platform/money.ts";
import { changeContract, removeContract } from "#premises/contracts.ts";
import { setContractPassword } from "#premises/guests/contract-password.ts";
import { describe, done, fields } from "./envelope.ts";
import { Flag, Id, optional, Text } from "./fields.ts";
import { Money, Tariffs, tariffsView } from "./money.ts";

/** POST /bill/api/users/clients/…: the contracts of the embedded billing (BILLING=local). */
export const clients = new Hono<AppEnv>();

/** With a billing of the operator's own there is nothing to manage here, and the calls answer as they always have. */
const onlyLocal: MiddlewareHandler<AppEnv> = async (c, next) => {
  if (settings(c.env).BILLING !== "local") return done(c);
  return next();
};

const State = z.union([z.literal([0, 1, 2]), z.enum(["0", "1", "2"]).transform((text) => Number(text) as 0 | 1 | 2)]);

/** Null and left out are the same where a contract always has a value: its usual one, or the one it had. */
const maybe = <S extends z.ZodType>(schema: S) => schema.nullish().transform((value) => value ?? undefined);

const DeviceState = z
  .object({ device_id: Id, state: State })
  .transform(({ device_id, state }) => ({ deviceId: device_id, state }));

const Client = z.object({
  login: Text.pipe(z.string().trim().min(1).max(64)),
  address: Text,
  flat: optional(Text),
  phones: maybe(z.array(z.union([z.string(), z.number()]).transform(String)).max(100)),
  state: maybe(State),
  balance: maybe(Money),
  services: maybe(z.array(z.string().max(32)).max(32)),
  devices: maybe(z.array(DeviceState).max(10_000)),
  client_name: optional(Text),
  email: optional(z.email().max(254)),
  confirmed: maybe(Flag),
  pay_advice: optional(Money),
  tariffs: maybe(Tariffs),
});

/** The same in our own words. */
type Given = { [K in keyof z.output<typeof Client>]?: z.output<typeof Client>[K] | undefined };
const contractOf = <T extends Given>({ client_name, confirmed, pay_advice, ...same }: T) => ({
  ...same,
  clientName: client_name,
  isConfirmed: confirmed,
  payAdvice: pay_advice,
});

const Listed = z.object({
  uid: z.int(),
  login: z.string(),
  address: z.string(),
  flat: z.string().nullable(),
  phones: z.array(z.string()),
  state: z.int(),
  balance: z.number(),
  services: z.array(z.string()),
  devices: z.array(z.object({ device_id: z.int(), state: z.int() })),
  client_name: z.string().nullable(),
  email: z.string().nullable(),
  confirmed: z.boolean(),
  pay_advice: z.number().nullable(),
  tariffs: z.record(z.string(), z.unknown()),
});

clients.post(
  "/users/clients/",
  describe("List contracts", z.object({ clients: z.array(Listed) })),
  onlyLocal,
  async (c) => {
    const all = await listContracts(c.env);
    return c.json({ clients: all.map(clientView) });
  },
);

/** With another billing, `create` has always answered the number that it was given. */
const echo: MiddlewareHandler<AppEnv> = async (c, next) => {
  if (settings(c.env).BILLING === "local") return next();
  const given = z.object({ uid: Id }).safeParse(await c.req.json().catch(() => undefined));
  return given.success ? c.json({ id: given.data.uid }) : done(c);
};

const NewClient = Client.extend({ uid: maybe(Id) });

clients.post(
  "/users/clients/create/",
  describe("Open a contract", z.object({ id: z.int() })),
  echo,
  fields(NewClient),
  async (c) => {
    const id = await createContract(c.env, contractOf(c.req.valid("json")));
    return c.json({ id });
  },
);

// The contract that is meant is named by its uid, or by its login where no uid is given.
const isNamed = ({ uid, login }: { uid?: unknown; login?: unknown }) => uid !== undefined || login !== undefined;
const nameOf = ({ uid, login = "" }: { uid?: number | undefined; login?: string | undefined }): ContractName =>
  uid === undefined ? { login } : { uid };

const ChangedClient = Client.partial().extend({ uid: Id.optional() }).refine(isNamed, "uid or login is missing");

clients.post("/users/clients/edit/", describe("Change a contract"), onlyLocal, fields(ChangedClient), async (c) => {
  const { uid, ...change } = c.req.valid("json");
  await changeContract(c.env, nameOf({ uid, ...change }), contractOf(change));
  return done(c);
});

const Named = z
  .object({ uid: Id.optional(), login: Client.shape.login.optional() })
  .refine(isNamed, "uid or login is missing");
const WithPassword = Named.and(z.object({ password: z.string().min(1).max(256) }));

clients.post(
  "/users/clients/change_password/",
  describe("Set a contract's password"),
  onlyLocal,
  fields(WithPassword),
  async (c) => {
    const { password, ...name } = c.req.valid("json");
    await setContractPassword(c.env, nameOf(name), password);
    return done(c);
  },
);

clients.post("/users/clients/delete/", describe("Delete a contract"), onlyLocal, fields(Named), async (c) => {
  await removeContract(c.env, nameOf(c.req.valid("json")));
  return done(c);
});

const clientView = ({
  balance,
  devices,
  clientName,
  isConfirmed,
  payAdvice,
  tariffs,
  ...same
}: ContractRecord): z.input<typeof Listed> => ({
  ...same,
  client_name: clientName,
  confirmed: isConfirmed,
  pay_advice: payAdvice === null ? null : roubles(payAdvice),
  tariffs: tariffsView(tariffs),
  balance: roubles(balance),
  devices: devices.map(({ deviceId, state }) => ({ device_id: deviceId, state })),
});
