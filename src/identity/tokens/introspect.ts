import type { Env } from "#env.ts";
import { fail } from "#operator/error-catalogue.ts";
import { database } from "#platform/db.ts";
import { AppError } from "#platform/errors.ts";
import { basicIn, proven } from "../clients/clients.ts";
import { clientById, operatorOfClient } from "../clients/queries.ts";
import type { Client } from "../clients/tables.ts";
import type { Actor } from "../journal/journal.ts";
import { type SessionState, sessionState } from "../sessions/queries.ts";
import { endSession } from "../sessions/sessions.ts";
import { AUDIENCE, type Claims, issuer, readAccessToken } from "./access-token.ts";
import { isOf } from "./refresh.ts";
import { isOurs, parseRefreshToken, type RefreshToken } from "./refresh-token.ts";
import { isStillGood, sessionIsAlive } from "./validate.ts";

const KINDS = ["account", "device", "service"] as const;

/** A token whose form, and of an access token whose signature, is ours. Whether it lives only its session tells. */
type Shown = { session: string; kid: string } & ({ claims: Claims } | { refresh: RefreshToken });

async function shown(env: Env, token: string, now: Date): Promise<Shown | undefined> {
  const refresh = parseRefreshToken(token);
  if (refresh) return { session: refresh.session, kid: "", refresh };
  try {
    const { claims, kid } = await readAccessToken(env, token, KINDS, now);
    return { session: claims.sid, kid, claims };
  } catch {
    return undefined;
  }
}

export type Introspection = { active: false } | ({ active: true } & Record<string, unknown>);

/**
 * What a token says and whether it lives (RFC 7662), asked of D1 together with who is asking, in one trip. A client is told of tokens
 * of its own operator and for its own audiences; of everything else it hears that it is not active. Throws
 * `invalid_client`, `insufficient_scope`.
 */
export async function introspect(
  env: Env,
  authorization: string | undefined,
  token: string,
  now = new Date(),
): Promise<{ client: Client; answer: Introspection }> {
  const basic = basicIn(authorization);
  if (!basic) throw fail("invalid_client");
  const asked = await shown(env, token, now);
  const db = database(env);
  const [[row], [state]] = await db.batch([
    clientById(db, basic.user),
    sessionState(db, operatorOfClient(basic.user), asked?.session ?? "", asked?.kid ?? ""),
  ]);
  const client = proven(row, basic.password);
  if (!client.scopes.includes("introspect")) throw fail("insufficient_scope");
  if (!asked || !state || !client.aud.includes(AUDIENCE[state.session.kind]))
    return { client, answer: { active: false } };
  const answer =
    "claims" in asked ? ofAccess(env, asked.claims, state, now) : ofRefresh(env, asked.refresh, state, now);
  return { client, answer };
}

function ofAccess(env: Env, claims: Claims, state: SessionState, now: Date): Introspection {
  if (!isStillGood(claims, state, now)) return { active: false };
  const { sub, client_id, scope, iat, exp, jti, sid, knd, op, amr, acr, auth_time } = claims;
  return {
    ...{ active: true, token_type: "Bearer", sub, client_id, username: null, scope },
    ...{ iat, nbf: iat, exp, iss: issuer(env), aud: AUDIENCE[knd], jti, sid, knd, op, amr, acr, auth_time },
    ...(knd === "device" && { domain: state.domainId }),
  };
}

/** A refresh token is for us alone, as its audience says: whoever takes it for an access token is mistaken. */
function ofRefresh(env: Env, token: RefreshToken, state: SessionState, now: Date): Introspection {
  const { session } = state;
  const isCurrent = isOurs(env, token, session.refreshSecret ?? "") && token.generation === session.generation;
  if (!isCurrent || !sessionIsAlive(state, now)) return { active: false };
  const seconds = (at: Date | null) => Math.floor((at ?? now).getTime() / 1000);
  return {
    ...{ active: true, token_type: "refresh_token", sub: session.subjectId, client_id: session.clientId },
    ...{ username: null, scope: session.scope, iat: seconds(session.rotatedAt), exp: seconds(session.expiresAt) },
    ...{ iss: issuer(env), aud: issuer(env), sid: session.id, knd: session.kind, op: session.operator },
    ...{ amr: session.amr, acr: session.acr, auth_time: seconds(session.authAt) },
    ...(session.kind === "device" && { domain: state.domainId }),
  };
}

/**
 * Ends the whole session of an access or refresh token (RFC 7009), if it is the client's own. Whatever else is shown is not worth an
 * error: nobody is to learn from it which tokens there are.
 */
export async function revokeToken(
  env: Env,
  client: Pick<Client, "id" | "operator">,
  token: string,
  actor: Actor,
  now = new Date(),
): Promise<void> {
  const asked = await shown(env, token, now);
  if (!asked) return;
  const [state] = await sessionState(database(env), client.operator, asked.session, asked.kid);
  if (!state || !isOf(client, state.session) || !isGenuine(env, asked, state, now)) return;
  const { id, subjectId: subject, endedAt } = state.session;
  if (endedAt !== null) return;
  await endSession(env, client.operator, { subject, id, reason: "revoked" }, actor, now).catch((error: unknown) => {
    if (!(error instanceof AppError) || error.reason !== "session_not_found") throw error;
  });
}

/** Even a refresh token that was rotated ends its session: whoever has it had it from us. */
const isGenuine = (env: Env, asked: Shown, state: SessionState, now: Date): boolean =>
  "claims" in asked
    ? isStillGood(asked.claims, state, now)
    : isOurs(env, asked.refresh, state.session.refreshSecret ?? "") &&
      asked.refresh.generation <= state.session.generation;
