import { type Env, settings } from "#env.ts";
import { fail } from "#operator/error-catalogue.ts";
import { database } from "#platform/db.ts";
import type { After } from "#platform/http.ts";
import { tellOwner } from "../accounts/notices.ts";
import { type Actor, journal } from "../journal/journal.ts";
import {
  endSessionById,
  operatorOfSession,
  rotateSession,
  type SessionState,
  sessionState,
} from "../sessions/queries.ts";
import { forgetTokens, rememberAlive } from "../sessions/sessions.ts";
import { livesOf, type TokenAnswer, tokenAnswer } from "./issue.ts";
import { signingKeyStates } from "./queries.ts";
import { isOurs, parseRefreshToken, type RefreshToken } from "./refresh-token.ts";
import { signingKey } from "./signing-keys.ts";
import { epochOf, sessionIsAlive } from "./validate.ts";

/** RFC 6749 §5.2 `invalid_grant`: expired, ended, not this client's, or no token of ours. Which of them is nobody's business. */
export const invalidGrant = () => fail("invalid_grant");

/** Who refreshes. A controller that named no client when it signed in has none to name here, so its operator is looked up. */
export interface Bearer {
  id: string;
  operator: string | undefined;
}

/**
 * Exchanges a refresh token for its successor and a new access token. A token is good once; the one before is
 * answered with the same successor for LIMITS.refreshGraceSeconds, because the first answer may have been lost or
 * asked for twice. Any older one was stolen or is in the wrong hands: the session ends (`refresh_reused`).
 */
export async function refresh(
  env: Env,
  client: Bearer,
  text: string,
  actor: Actor,
  later: After,
  now = new Date(),
): Promise<TokenAnswer> {
  const token = parseRefreshToken(text);
  if (!token) throw invalidGrant();
  const first = await read(env, client, token, now);
  const { generation, operator } = first.state.session;
  if (token.generation === generation) {
    const expiresAt = nextExpiry(env, first.state, now);
    const [won] = await rotateSession(database(env), operator, {
      id: token.session,
      generation,
      at: now,
      expiresAt,
    });
    if (won) {
      const { subjectId: subject } = first.state.session;
      const alive = { id: token.session, operator, subject, epoch: epochOf(first.state) };
      later(() => rememberAlive(env, alive, now));
      return answer(env, first, { generation: generation + 1, expiresAt }, now);
    }
  }
  // Somebody was faster, or had been before us. Their rotation decides.
  const again = token.generation === generation ? await read(env, client, token, now) : first;
  if (isRepeated(env, again.state, token, now)) return answer(env, again, again.state.session, now);
  return endAsReused(env, again.state, actor, later, now);
}

type Found = { state: SessionState; states: Parameters<typeof signingKey>[1] };

async function read(env: Env, client: Bearer, token: RefreshToken, now: Date): Promise<Found> {
  const db = database(env);
  const [[state], states] = await db.batch([
    sessionState(db, client.operator ?? operatorOfSession(token.session, settings(env).OPERATOR), token.session, ""),
    signingKeyStates(db),
  ]);
  if (!state || !isOurs(env, token, state.session.refreshSecret ?? "")) throw invalidGrant();
  const { session } = state;
  if (!isOf(client, session) || !sessionIsAlive(state, now) || token.generation > session.generation)
    throw invalidGrant();
  return { state, states };
}

/** A session belongs to the client that opened it; a controller's that came without one to whoever has its token. */
export const isOf = (client: { id: string }, { clientId, kind }: SessionState["session"]): boolean =>
  clientId === client.id || (kind === "device" && clientId === "");

function nextExpiry(env: Env, { session }: SessionState, now: Date): Date {
  const idleEnd = now.getTime() + livesOf(env, session.kind).idle;
  return new Date(Math.min(idleEnd, session.absoluteAt?.getTime() ?? idleEnd));
}

function isRepeated(env: Env, { session }: SessionState, token: RefreshToken, now: Date): boolean {
  const since = now.getTime() - (session.rotatedAt?.getTime() ?? 0);
  return token.generation === session.generation - 1 && since <= settings(env).LIMITS.refreshGraceSeconds * 1000;
}

const answer = (
  env: Env,
  { state, states }: Found,
  at: { generation: number; expiresAt: Date },
  now: Date,
): Promise<TokenAnswer> => tokenAnswer(env, signingKey(env, states), { ...state.session, ...at }, epochOf(state), now);

async function endAsReused(env: Env, { session }: SessionState, actor: Actor, later: After, now: Date): Promise<never> {
  const db = database(env);
  const entry = { action: "session.refresh_reused", target: { kind: "session", id: session.id } };
  const [ended] = await db.batch([
    endSessionById(db, session.operator, session.id, {
      subjectId: session.subjectId,
      at: now,
      reason: "refresh reused",
    }),
    ...journal(db, session.operator, actor, entry, now),
  ]);
  await forgetTokens(env, ended);
  if (session.kind === "account") later(() => tellOwner(env, session.operator, session.subjectId, "refresh_reused"));
  throw fail("refresh_reused");
}
