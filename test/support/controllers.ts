import { env } from "cloudflare:test";
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from "jose";
import { importControllers } from "#identity/controllers/import.ts";
import { SYSTEM } from "#identity/journal/journal.ts";
import { randomId, sha256 } from "#platform/crypto.ts";
import { aClient, aPerson, shield } from "./shield.ts";

// Controllers for tests, each with a serial of its own.

export const aSerial = () => `SN-${randomId(9)}`;

/** A key pair of a controller; the public half as it goes over the wire. */
export async function aKeyPair(curve: "Ed25519" | "P-256" = "Ed25519") {
  const alg = curve === "Ed25519" ? "EdDSA" : "ES256";
  const pair = await generateKeyPair(alg, { extractable: true });
  const sign = (claims: JWTPayload, header: { alg?: string } = {}) =>
    new SignJWT(claims).setProtectedHeader({ alg, ...header }).sign(pair.privateKey);
  return { publicKey: await exportJWK(pair.publicKey), privateKey: await exportJWK(pair.privateKey), sign };
}

/** The row of that serial, of whatever operator. */
export const theController = (serial: string) =>
  env.DB.prepare("SELECT * FROM controllers WHERE serial = ?").bind(serial).first<Record<string, unknown>>();

/** What the operator's systems are told of one object, in order. */
export async function eventsOf(id: string) {
  const { results } = await env.DB.prepare("SELECT type, data FROM notifications WHERE agg_id = ? ORDER BY agg_seq")
    .bind(id)
    .all<{ type: string; data: string }>();
  return results.map(({ type, data }) => ({ type, data: JSON.parse(data) as unknown }));
}

let factory: Promise<{ id: string; secret: string }> | undefined;

/** The factory's client, which may enrol. One for all tests of a file. */
export function theFactory(): Promise<{ id: string; secret: string }> {
  factory ??= aClient({ kind: "confidential", scopes: ["devices:enroll"] });
  return factory;
}

/** `POST /devices/enroll` as the factory's client. */
export async function enrol(body: Record<string, unknown>): Promise<Response> {
  const { id, secret } = await theFactory();
  return shield("/devices/enroll", { basic: { user: id, password: secret }, json: { model: "hub-2", ...body } });
}

interface AController {
  id: string;
  serial: string;
  code: string;
  /** Its access token. */
  token: string;
  secret: string;
}

/** A controller that was imported with a claim code, and has enrolled. */
export async function aController({
  enrolled = true,
  ...row
}: {
  enrolled?: boolean;
  public_key?: unknown;
} = {}): Promise<AController> {
  const [serial, code] = [aSerial(), randomId(6)];
  const [made] = await importControllers(
    env,
    "main",
    [{ serial, model: "hub-2", claim_code_hash: sha256(code), ...row }],
    SYSTEM,
  );
  const answer = enrolled ? await json(await enrol({ serial })) : {};
  const { tokens, device_secret } = answer as { tokens?: { access_token: string }; device_secret?: string };
  return { id: made!.id!, serial, code, token: tokens?.access_token ?? "", secret: device_secret ?? "" };
}

/** Somebody with a domain of their own. */
export async function aHousehold(options: Parameters<typeof aPerson>[0] = {}) {
  const owner = await aPerson(options);
  const { id: domain } = (await json(await shield("/domains", { token: owner.token, json: { name: "Дом" } }))) as {
    id: string;
  };
  return { ...owner, domain };
}

/** Makes somebody a member. */
export async function join(domain: string, account: string, role: "owner" | "admin" | "member" | "guest") {
  await env.DB.prepare(
    "INSERT INTO domain_members (operator, domain_id, account_id, role, joined_at) VALUES ('main', ?, ?, ?, ?)",
  )
    .bind(domain, account, role, Date.now())
    .run();
}

/** `POST /devices/claim`. */
export const claim = (
  { token, domain }: { token: string; domain: string },
  { serial, code }: { serial: string; code: string },
) => shield("/devices/claim", { token, json: { serial, claim_code: code, domain_id: domain } });

export const json = async (response: Response) => (await response.json()) as Record<string, unknown>;

/** The status and the code of a refusal. */
export const refusal = async (response: Response) => [response.status, (await json(response)).code];
