import { type Env, type Settings, settings } from "#env.ts";
import { database } from "#platform/db.ts";
import { Signal } from "#platform/signals.ts";
import { deleteAccount } from "../accounts/accounts.ts";
import { endSession } from "../sessions/sessions.ts";
import {
  deleteEndedInstalls,
  deleteInstall,
  dropPushToken,
  endPushesOfEnded,
  endPushesOfOthers,
  endPushesOfSession,
  forgetToken,
  type InstallChange,
  installBy,
  upsertInstall,
} from "./queries.ts";
import type { AppInstall } from "./tables.ts";

/** Who has the app: a session of an account. */
export interface Installed {
  account: string;
  /** The session's id. */
  id: string;
}

export type AppPlatform = NonNullable<AppInstall["platform"]>;

export interface AppVersion {
  platform: Exclude<AppPlatform, "web">;
  version: number;
  manufacturer?: string | undefined;
  model?: string | undefined;
  osVer?: string | undefined;
}

/** Notes which version a resident runs, and tells whether it is still good enough. */
export async function noteVersion(
  env: Env,
  who: Installed,
  app: AppVersion,
  now = new Date(),
): Promise<"none" | "upgrade" | "force_upgrade"> {
  const { platform, version, manufacturer = null, model = null, osVer = null } = app;
  await noteInstall(env, who, {
    platform,
    version: String(version),
    manufacturer,
    model,
    osVersion: osVer,
    updatedAt: now,
  });
  return verdictOn(settings(env), platform, version);
}

export function verdictOn({ APP_VERSIONS }: Settings, platform: AppVersion["platform"], version: number) {
  const { upgrade, force } = APP_VERSIONS[platform];
  if (version < force) return "force_upgrade";
  return version < upgrade ? "upgrade" : "none";
}

export interface PushTarget {
  platform: AppPlatform;
  /** Empty: the app no longer wants pushes. Undefined: it only tells its platform. */
  pushToken?: string | undefined;
  pushService?: string | undefined;
  voipToken?: string | undefined;
  production?: boolean | undefined;
}

/** Notes where pushes reach this install. */
export async function registerPush(env: Env, who: Installed, target: PushTarget, now = new Date()): Promise<void> {
  const { platform, pushToken, pushService = null, production = true } = target;
  if (pushToken === undefined) return noteInstall(env, who, { platform, updatedAt: now });
  const [db, { OPERATOR }] = [database(env), settings(env)];
  const voipToken = (pushToken && target.voipToken) || null; // who wants no pushes wants no calls either
  const change = { platform, pushToken: pushToken || null, pushService, voipToken, production, updatedAt: now };
  await db.batch([
    endPushesOfOthers(db, OPERATOR, pushToken, who.account, now),
    dropPushToken(db, OPERATOR, pushToken),
    ...(voipToken ? forgetToken(db, OPERATOR, voipToken) : []),
    upsertInstall(db, OPERATOR, who.id, who.account, change),
  ]);
}

async function noteInstall(env: Env, who: Installed, change: InstallChange): Promise<void> {
  await upsertInstall(database(env), settings(env).OPERATOR, who.id, who.account, change);
}

/** Where pushes reach the install that asks. */
export async function pushTargetOf(env: Env, who: Installed): Promise<{ pushToken: string; voipToken: string }> {
  const install = await installBy(database(env), settings(env).OPERATOR, who.id);
  return { pushToken: install?.pushToken ?? "", voipToken: install?.voipToken ?? "off" };
}

/** Signs this install out: its session, its push token and its camera tokens end. */
export async function signOut(env: Env, who: Installed, now = new Date()): Promise<void> {
  const [db, { OPERATOR }] = [database(env), settings(env)];
  await db.batch([endPushesOfSession(db, OPERATOR, who.id, now), deleteInstall(db, OPERATOR, who.id)]);
  await endSession(env, OPERATOR, { subject: who.account, id: who.id, reason: "logout" }, actorOf(who));
}

/** Deletes the resident with everything that only the app knew. Contracts stay: they are the billing's. */
export async function leave(env: Env, who: Installed): Promise<void> {
  const { OPERATOR } = settings(env);
  await deleteAccount(env, OPERATOR, { id: who.account, reason: "own wish" }, actorOf(who));
}

const ENDED_LATELY_MS = 3_600_000;

/** A session may end without its app: elsewhere, by a ban, by age. Its push token goes with it, at the signal and each minute, and what was on its way there. */
export async function forgetEndedInstalls(env: Env, now = new Date()): Promise<void> {
  const [db, { OPERATOR }] = [database(env), settings(env)];
  const since = new Date(now.getTime() - ENDED_LATELY_MS);
  await db.batch([endPushesOfEnded(db, OPERATOR, since, now), deleteEndedInstalls(db, OPERATOR, since)]);
}

/**
 * Forgets each push token that, as the signals in this batch say, no install is behind any more; not one that an app has brought
 * again since. A repetition changes nothing.
 */
export async function forgetDeadTokens(env: Env, batch: MessageBatch<unknown>): Promise<void> {
  const db = database(env);
  const signals = batch.messages.map(({ body }) => Signal.safeParse(body).data);
  const [first, ...others] = signals.flatMap((signal) =>
    signal?.type === "push.unregistered"
      ? forgetToken(db, signal.operator, signal.token, { unlessSince: new Date(signal.at) })
      : [],
  );
  if (first) await db.batch([first, ...others]);
}

/** The resident, as the audit names them. */
export const actorOf = ({ account }: Installed) => ({ kind: "account", id: account }) as const;
