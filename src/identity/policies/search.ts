import type { Env } from "#env.ts";
import { database } from "#platform/db.ts";
import type { SearchPage } from "./access-wire.ts";
import { decideAll } from "./check.ts";
import type { Question, SubjectType } from "./question.ts";
import { candidateActions, candidateResources, candidateSubjects, type Slice } from "./search-queries.ts";

/** One page of what was found. It may hold less than its limit and still have a next one; `next` is empty behind the last. */
export interface Found {
  names: string[];
  next: string;
}

/** The actions that we ask about ourselves. */
const ACTIONS = [
  ...["view", "control", "share", "update", "delete"],
  ...["invite", "manage_members", "manage_devices", "transfer"],
];
const SUBJECTS: readonly string[] = ["account", "device", "service"];

/** Which resources of a type the subject may do that to. The question's resource id does not matter. */
export function searchResources(env: Env, operator: string, question: Question, page: SearchPage, now = new Date()) {
  const { subject, resource, domain } = question;
  const db = database(env);
  return found(
    env,
    operator,
    page,
    (slice) => candidateResources(db, operator, { subject, type: resource.type, domain }, slice),
    (id) => ({ ...question, resource: { type: resource.type, id } }),
    now,
  );
}

/** Which subjects of a type may do that to the resource. */
export function searchSubjects(env: Env, operator: string, question: Question, page: SearchPage, now = new Date()) {
  const type: SubjectType = question.subject.type;
  if (!SUBJECTS.includes(type)) return Promise.resolve({ names: [], next: "" });
  const db = database(env);
  return found(
    env,
    operator,
    page,
    (slice) => candidateSubjects(db, operator, type, question, slice),
    (id) => ({ ...question, subject: { type, id } }),
    now,
  );
}

/** What the subject may do to the resource, of all that a rule or a role names. */
export function searchActions(env: Env, operator: string, question: Question, page: SearchPage, now = new Date()) {
  const db = database(env);
  return found(
    env,
    operator,
    page,
    (slice) => candidateActions(db, operator, ACTIONS, question, slice),
    (action) => ({ ...question, action }),
    now,
  );
}

async function found(
  env: Env,
  operator: string,
  { token, limit }: SearchPage,
  candidates: (slice: Slice) => PromiseLike<{ name: string }[]>,
  ask: (name: string) => Question,
  now: Date,
): Promise<Found> {
  const rows = await candidates({ after: token ?? "", limit: limit + 1 });
  const names = rows.slice(0, limit).map(({ name }) => name);
  const decisions = await decideAll(env, operator, names.map(ask), now);
  return {
    names: names.filter((_, i) => decisions[i]!.decision),
    next: rows.length > limit ? names.at(-1)! : "",
  };
}
