import { type Env, settings } from "#env.ts";
import { fail } from "#operator/error-catalogue.ts";
import { newId, randomId, sha256 } from "#platform/crypto.ts";
import { database, type Statement } from "#platform/db.ts";
import type { After } from "#platform/http.ts";
import { tellOwner } from "../accounts/notices.ts";
import { networkOf } from "../codes/budgets.ts";
import { type Actor, journal } from "../journal/journal.ts";
import { endSurplusSessions } from "../sessions/queries.ts";
import { forgetTokens, rememberAlive, surplusEnded, TOO_MANY } from "../sessions/sessions.ts";
import type { DeviceInfo, Session } from "../sessions/tables.ts";
import { mintAccessToken } from "./access-token.ts";
import { insertSessionOfLiving, signingKeyStates } from "./queries.ts";
import { refreshToken } from "./refresh-token.ts";
import { type SigningKey, signingKey } from "./signing-keys.ts";
import type { Subject } from "./subject.ts";

const DAY = 86_400_000;

/** RFC 6749 §5.1, with the session that it opened. Times in seconds. */
export interface TokenAnswer {
  access_token: string;
  token_type: "Bearer";
  expires_in: number;
  refresh_token?: string;
  refresh_expires_in?: number;
  scope: string;
  session_id: string;
}

export interface NewSession {
  operator: string;
  kind: Subject["kind"];
  /** `acc_…`, `dev_…`, or the client's id. */
  subject: string;
  /** Of the account or device; 1 for a service. */
  epoch: number;
  client: string;
  scopes: readonly string[];
  amr: Session["amr"];
  acr: Session["acr"];
  /** When that was, where it was not now. */
  authAt?: Date | undefined;
  device?: DeviceInfo | undefined;
  /** Where the client calls from, and the city that Cloudflare takes that for. */
  address: string;
  city?: string | undefined;
}

/**
 * Opens a session and makes its first tokens. `along` goes before it into the same batch: what signing in changes besides. A subject
 * may have LIMITS.sessionsPerAccount sessions (a device has one); past that the one seen longest ago ends, and its owner is
 * told. Throws `session_revoked` where the subject was shut out, or its epoch has moved on, since it proved who it is.
 */
export async function openTokens(
  env: Env,
  opened: NewSession,
  actor: Actor,
  later: After,
  now = new Date(),
  along: readonly Statement[] = [],
): Promise<TokenAnswer> {
  const db = database(env);
  const { operator, subject, kind, epoch } = opened;
  const row = newRow(env, opened, now);
  const entry = {
    action: "session.opened",
    target: { kind: "session", id: row.id },
    after: { amr: opened.amr, client: opened.client },
  };
  // How many sessions a service has is limited by their short lives alone.
  const keep = kind === "service" ? undefined : kind === "device" ? 1 : settings(env).LIMITS.sessionsPerAccount;
  const surplus = { subjectId: subject, at: now, reason: TOO_MANY };
  const [states, ...results] = await db.batch([
    signingKeyStates(db),
    ...(keep === undefined
      ? []
      : [
          endSurplusSessions(db, operator, surplus, keep - 1),
          ...journal(db, operator, actor, surplusEnded(subject, kind === "device" ? "device" : "account"), now),
        ]),
    ...along,
    insertSessionOfLiving(db, row, epoch),
    ...journal(db, operator, actor, entry, now),
  ]);
  const ended = keep === undefined ? [] : (results[0] as { tokenHash: string }[]);
  const inserted = results.at(-2) as unknown[];
  if (ended.length > 0) await forgetTokens(env, ended);
  if (inserted.length === 0) throw fail("session_revoked");
  later(() => rememberAlive(env, { id: row.id, operator, subject, epoch }, now));
  if (ended.length > 0 && kind === "account") later(() => tellOwner(env, operator, subject, "session_capped"));
  return tokenAnswer(env, signingKey(env, states), row, epoch, now);
}

function newRow(env: Env, opened: NewSession, now: Date) {
  const id = newId("ses");
  const { idle, absolute } = livesOf(env, opened.kind);
  const absoluteAt = new Date(now.getTime() + absolute);
  return {
    ...{ operator: opened.operator, id, subjectId: opened.subject, tokenHash: sha256(id), kind: opened.kind },
    ...{ clientId: opened.client, scope: opened.scopes.join(" "), amr: opened.amr, acr: opened.acr },
    authAt: opened.authAt ?? now,
    ...{ device: opened.device?.name ?? null, platform: opened.device?.platform ?? null },
    ...{ installId: opened.device?.installId ?? null, ipPrefix: networkOf(opened.address), city: opened.city ?? null },
    ...{ refreshSecret: randomId(16), generation: 1, rotatedAt: now, createdAt: now, lastSeenAt: now },
    ...{ expiresAt: new Date(Math.min(now.getTime() + idle, absoluteAt.getTime())), absoluteAt },
  };
}

/** How long a session lives unused, and at most, in ms. */
export function livesOf(env: Env, kind: Subject["kind"]): { idle: number; absolute: number } {
  const { LIMITS } = settings(env);
  switch (kind) {
    case "account":
      return { idle: LIMITS.refreshIdleDays * DAY, absolute: LIMITS.refreshDays * DAY };
    case "device":
      return { idle: LIMITS.deviceRefreshIdleDays * DAY, absolute: LIMITS.deviceRefreshDays * DAY };
    case "service":
      return { idle: LIMITS.serviceAccessSeconds * 1000, absolute: LIMITS.serviceAccessSeconds * 1000 };
  }
}

type Tokened = Pick<
  Session,
  | "operator"
  | "id"
  | "subjectId"
  | "kind"
  | "clientId"
  | "scope"
  | "amr"
  | "acr"
  | "authAt"
  | "generation"
  | "expiresAt"
> & { refreshSecret: string | null };

/** The tokens of a session's present generation. A service gets no refresh token: it has a secret. */
export async function tokenAnswer(
  env: Env,
  key: SigningKey,
  session: Tokened,
  epoch: number,
  now: Date,
): Promise<TokenAnswer> {
  const left = Math.ceil((session.expiresAt.getTime() - now.getTime()) / 1000);
  const seconds = Math.max(1, Math.min(accessSeconds(env, session.kind), left));
  const { id, operator, subjectId, kind, scope, amr, acr, generation } = session;
  const subject = { kind, id: subjectId, operator, session: id, client: session.clientId ?? "", amr, acr, epoch };
  const access = await mintAccessToken(
    env,
    key,
    { ...subject, scopes: scope.split(" ").filter(Boolean), authAt: session.authAt ?? now },
    seconds,
    now,
  );
  const answer = { access_token: access, token_type: "Bearer" as const, expires_in: seconds };
  if (kind === "service") return { ...answer, scope, session_id: id };
  return {
    ...answer,
    refresh_token: refreshToken(env, id, generation, session.refreshSecret ?? ""),
    refresh_expires_in: Math.max(0, Math.floor((session.expiresAt.getTime() - now.getTime()) / 1000)),
    ...{ scope, session_id: id },
  };
}

function accessSeconds(env: Env, kind: Subject["kind"]): number {
  const { LIMITS } = settings(env);
  return { account: LIMITS.accessSeconds, device: LIMITS.deviceAccessSeconds, service: LIMITS.serviceAccessSeconds }[
    kind
  ];
}
