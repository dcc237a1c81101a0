import type { Env } from "#env.ts";
import { fail } from "#operator/error-catalogue.ts";
import { database } from "#platform/db.ts";
import { type Actor, type Entry, journal } from "../journal/journal.ts";
import { decideAll } from "../policies/check.ts";
import { demand } from "../policies/demand.ts";
import type { Subject } from "../tokens/subject.ts";
import { type Cut, controllerById, controllersAround, controllersOfDomain, updateController } from "./queries.ts";
import { versionIs } from "./state-queries.ts";
import type { Controller } from "./tables.ts";

/**
 * The controller, if the caller may do that with it: itself and its owner may, and else the rights of its domain decide; what it is
 * called (`control`) say those who live there, not its guests. Throws `device_not_found` where it is foreign, else `access_denied`.
 */
export async function controllerFor(
  env: Env,
  caller: Subject,
  id: string,
  action: "view" | "control",
  now = new Date(),
): Promise<Controller> {
  const controller = await controllerById(database(env), caller.operator, id);
  const isItself = caller.kind === "device" && caller.id === id;
  if (!controller || (caller.kind === "device" && !isItself)) throw fail("device_not_found");
  if (isItself || isOwner(caller, controller)) return controller;
  const { role } = await demand(env, caller, action, { type: "controller", id }, now);
  if (action === "control" && (role === null || role === "guest")) throw fail("access_denied");
  return controller;
}

/**
 * The controller, if it is the caller's to give away: they own it, or the domain that it is in. Throws
 * `device_not_found` where it is foreign, else `role_insufficient`.
 */
export async function ownControllerFor(env: Env, caller: Subject, id: string, now = new Date()): Promise<Controller> {
  const controller = await controllerById(database(env), caller.operator, id);
  if (!controller) throw fail("device_not_found");
  if (isOwner(caller, controller)) return controller;
  const { role } = await demand(env, caller, "view", { type: "controller", id }, now);
  if (role !== "owner") throw fail("role_insufficient");
  return controller;
}

const isOwner = ({ kind, id }: Subject, { ownerAccountId }: Controller): boolean =>
  kind === "account" && ownerAccountId === id;

/** What the caller may see of a domain's controllers, or of all around them; by id. */
export async function listControllers(
  env: Env,
  caller: Subject,
  domainId: string | undefined,
  { cursor = "", limit }: { cursor?: string | undefined; limit: number },
  now = new Date(),
): Promise<{ items: Controller[]; next: string | null }> {
  const db = database(env);
  const cut: Cut = { after: cursor, limit: limit + 1 };
  if (domainId !== undefined) await demand(env, caller, "view", { type: "domain", id: domainId }, now);
  const found = domainId
    ? await controllersOfDomain(db, caller.operator, domainId, cut)
    : await controllersAround(db, caller.operator, caller.id, cut, now);
  const page = found.slice(0, limit);
  const next = found.length > limit ? page.at(-1)!.id : null;
  return { items: await visible(env, caller, page, now), next };
}

async function visible(env: Env, caller: Subject, page: readonly Controller[], now: Date): Promise<Controller[]> {
  const foreign = page.filter((controller) => !isOwner(caller, controller));
  const subject = { type: caller.kind, id: caller.id };
  const questions = foreign.map(({ id }) => ({
    ...{ subject, action: "view", resource: { type: "controller", id }, authAt: caller.authAt },
  }));
  const decisions = questions.length > 0 ? await decideAll(env, caller.operator, questions, now) : [];
  const hidden = new Set(foreign.filter((_, i) => !decisions[i]!.decision).map(({ id }) => id));
  return page.filter(({ id }) => !hidden.has(id));
}

export interface Edit {
  name?: string | null | undefined;
  room?: string | null | undefined;
}

/** Names a controller and says where it hangs. Throws `precondition_failed` where `ver` is no longer its version. */
export async function editController(
  env: Env,
  operator: string,
  { id, ver, ...edit }: Edit & { id: string; ver?: number | undefined },
  actor: Actor,
  now = new Date(),
): Promise<Controller> {
  const db = database(env);
  const change = Object.fromEntries(Object.entries(edit).filter(([, value]) => value !== undefined)) as {
    name?: string | null;
    room?: string | null;
  };
  const fields = Object.keys(change);
  if (fields.length === 0) return unchanged(env, operator, id, ver);
  const entry: Entry = {
    ...{ action: "device.updated", target: { kind: "device", id }, after: { fields } },
    events: [{ type: "device.updated", id, data: { fields } }],
  };
  const [[edited]] = await db.batch([
    updateController(db, operator, id, change, versionIs(ver)),
    ...journal(db, operator, actor, entry, now),
  ]);
  if (edited) return edited;
  await unchanged(env, operator, id, ver);
  throw fail("precondition_failed");
}

async function unchanged(env: Env, operator: string, id: string, ver: number | undefined): Promise<Controller> {
  const controller = await controllerById(database(env), operator, id);
  if (!controller) throw fail("device_not_found");
  if (ver !== undefined && ver !== controller.ver) throw fail("precondition_failed");
  return controller;
}
