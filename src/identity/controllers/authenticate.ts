import { importJWK, type JWTPayload, jwtVerify } from "jose";
import type { Env } from "#env.ts";
import { fail } from "#operator/error-catalogue.ts";
import { sameText, sha256 } from "#platform/crypto.ts";
import { database } from "#platform/db.ts";
import type { After } from "#platform/http.ts";
import type { Client } from "../clients/tables.ts";
import type { Actor } from "../journal/journal.ts";
import { issuer } from "../tokens/access-token.ts";
import { openTokens, type TokenAnswer } from "../tokens/issue.ts";
import { invalidGrant } from "../tokens/refresh.ts";
import { algorithmOf, type PublicKey } from "./credentials.ts";
import {
  credentialsById,
  credentialsBySerial,
  deleteUsedAssertions,
  takeAssertion,
  touchController,
} from "./queries.ts";
import type { Controller, ControllerCredential } from "./tables.ts";

/** A controller that has just proven who it is, and how. */
export interface Proven extends Controller {
  amr: "pwd" | "hwk";
}

interface Known {
  controller: Controller;
  credential: ControllerCredential | null;
}

const isInUse = ({ status, enrolledAt }: Controller): boolean =>
  (status === "enrolled" || status === "claimed") && enrolledAt !== null;

/**
 * The controller with that serial and secret. Throws `invalid_credentials` for an unknown serial as for a wrong
 * secret, after the same work; `device_banned` only to whoever has the right one.
 */
export async function authenticateBySecret(
  env: Env,
  operator: string,
  serial: string,
  secret: string,
  now = new Date(),
): Promise<Proven> {
  const rows: Known[] = await credentialsBySerial(database(env), operator, serial, now);
  const hash = sha256(secret);
  const hit = rows.find(
    ({ credential }) => credential?.type === "secret" && sameText(hash, credential.secretHash ?? ""),
  );
  const controller = hit?.controller;
  if (controller?.status === "banned") throw fail("device_banned");
  if (!controller || !isInUse(controller)) throw fail("invalid_credentials");
  return { ...controller, amr: "pwd" };
}

/** How far ahead an assertion may expire, and how far clocks may differ, in seconds. */
const LONGEST_S = 60;
const LEEWAY_S = 30;

/**
 * The controller that signed the assertion (RFC 7523): by its own key, for this server, with a minute to live at
 * most, and never seen before. Throws `invalid_grant` for everything else, without saying why.
 */
export async function authenticateByAssertion(
  env: Env,
  operator: string | undefined,
  assertion: string,
  tokenUrl: string,
  now = new Date(),
): Promise<Proven> {
  const id = subjectIn(assertion);
  const rows: Known[] = id ? await credentialsById(database(env), operator, id, now) : [];
  for (const { controller, credential } of rows) {
    const key = credential?.type === "jwk" && credential.jwk ? (JSON.parse(credential.jwk) as PublicKey) : undefined;
    const claims = key && (await verified(key, assertion, controller.id, [tokenUrl, issuer(env)], now));
    if (!claims || !isInUse(controller)) continue;
    if (!(await isFirst(env, controller, claims))) break;
    return { ...controller, amr: "hwk" };
  }
  throw invalidGrant();
}

/** Who an assertion says it is from; not yet believed. */
function subjectIn(assertion: string): string | undefined {
  if (assertion.length > 4096) return undefined;
  try {
    const text = atob((assertion.split(".")[1] ?? "").replaceAll("-", "+").replaceAll("_", "/"));
    const { sub } = JSON.parse(text) as { sub?: unknown };
    return typeof sub === "string" && /^dev_[0-9A-Z]{26}$/.test(sub) ? sub : undefined;
  } catch {
    return undefined;
  }
}

type Claims = JWTPayload & { exp: number; jti: string };

async function verified(
  key: PublicKey,
  assertion: string,
  id: string,
  audience: string[],
  now: Date,
): Promise<Claims | undefined> {
  try {
    const alg = algorithmOf(key);
    const { payload } = await jwtVerify(assertion, await importJWK(key, alg), {
      ...{ algorithms: [alg], issuer: id, subject: id, audience, currentDate: now, clockTolerance: LEEWAY_S },
      requiredClaims: ["exp", "jti", "iss", "sub", "aud"],
    });
    const { exp, iat, jti } = payload;
    const seconds = Math.floor(now.getTime() / 1000);
    if (typeof jti !== "string" || jti === "" || jti.length > 256) return undefined;
    if (exp! > seconds + LONGEST_S) return undefined;
    if (iat !== undefined && (iat > seconds + LEEWAY_S || iat < seconds - LONGEST_S - LEEWAY_S)) return undefined;
    return { ...payload, exp: exp!, jti };
  } catch {
    return undefined;
  }
}

/** Notes the assertion until it would have expired; false where it was noted before. */
async function isFirst(env: Env, { operator, id }: Controller, { exp, jti }: Claims): Promise<boolean> {
  const until = new Date((exp + LEEWAY_S + 1) * 1000);
  const taken = await takeAssertion(database(env), operator, sha256(`${id}|${jti}`), until);
  return taken.length > 0;
}

/**
 * Opens the controller's one session (an earlier one ends) and notes that it was seen. `client` is what it called
 * through; null where it named none.
 */
export function openDeviceTokens(
  env: Env,
  { operator, id, epoch, amr }: Pick<Proven, "operator" | "id" | "epoch" | "amr">,
  client: Pick<Client, "id"> | null,
  { address, city }: { address: string; city?: string | undefined },
  actor: Actor,
  later: After,
  now = new Date(),
): Promise<TokenAnswer> {
  const session = { operator, kind: "device" as const, subject: id, epoch, client: client?.id ?? "" };
  return openTokens(
    env,
    { ...session, scopes: ["device"], amr: [amr], acr: "normal", address, city },
    actor,
    later,
    now,
    [touchController(database(env), operator, id, now)],
  );
}

/** Every hour: assertions that have expired need no memory. */
export async function forgetUsedAssertions(env: Env, now = new Date()): Promise<void> {
  await deleteUsedAssertions(database(env), now);
}
