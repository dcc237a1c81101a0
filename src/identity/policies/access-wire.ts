import * as z from "zod";
import { decideAll } from "./check.ts";
import type { Decision, Question, SubjectType } from "./question.ts";

// The shapes of the OpenID AuthZEN Authorization API 1.0.

const Text = z.string().min(1).max(128);
const Properties = z.record(z.string(), z.unknown()).optional();

const Subject = z.object({ type: Text, id: Text, properties: Properties });
const Action = z.object({ name: Text, properties: Properties });
const Resource = z.object({
  type: Text,
  id: Text,
  properties: z.looseObject({ domain: Text.optional() }).optional(),
});
const Context = z.looseObject({
  /** When the subject last proved who it is: seconds since 1970, or RFC 3339. */
  auth_time: z.union([z.number().min(0).max(1e11), z.iso.datetime({ offset: true })]).nullish(),
  min_version: Text.nullish(),
});

export const Evaluation = z.object({
  subject: Subject,
  action: Action,
  resource: Resource,
  context: Context.optional(),
});
export type Evaluation = z.output<typeof Evaluation>;

const SEMANTICS = ["execute_all", "deny_on_first_deny", "permit_on_first_permit"] as const;

/** Members at the top count for every evaluation that has none of its own. */
export const Evaluations = Evaluation.partial().extend({
  evaluations: z.array(Evaluation.partial()).max(100).optional(),
  options: z.looseObject({ evaluations_semantic: z.enum(SEMANTICS).default("execute_all") }).prefault({}),
});

/** The evaluations once the members at the top are filled in. */
export const EachEvaluation = z.object({ evaluations: z.array(Evaluation) });

const SearchPage = z
  .object({ token: z.string().max(200).optional(), limit: z.int().min(1).max(100).default(50) })
  .prefault({});
export type SearchPage = z.output<typeof SearchPage>;

/** What is searched for is named by its type alone; an id that comes with it does not matter. */
export const SubjectSearch = Evaluation.extend({ subject: Subject.partial({ id: true }), page: SearchPage });
export const ResourceSearch = Evaluation.extend({ resource: Resource.partial({ id: true }), page: SearchPage });
export const ActionSearch = Evaluation.omit({ action: true }).extend({ page: SearchPage });

/** A type of subject that we do not have is asked about like one that is not there. */
export const questionOf = ({ subject, action, resource, context }: Evaluation): Question => ({
  subject: { type: subject.type as SubjectType, id: subject.id },
  action: action.name,
  resource: { type: resource.type, id: resource.id },
  domain: resource.properties?.domain,
  authAt: instantOf(context?.auth_time ?? undefined),
  minVersion: context?.min_version ?? undefined,
});

const instantOf = (time: number | string | undefined) =>
  time === undefined ? undefined : new Date(typeof time === "number" ? time * 1000 : time);

/** A denial is an answer, not an error. */
export const answerOf = ({ decision, reason, policyVersion }: Decision) => ({
  decision,
  context: { reason, policy_version: policyVersion },
});

/** The answers as far as they are wanted: up to the first denial, or the first permission. */
export async function evaluateAll(
  env: Parameters<typeof decideAll>[0],
  asker: Parameters<typeof decideAll>[1],
  { evaluations, semantic }: { evaluations: readonly Evaluation[]; semantic: (typeof SEMANTICS)[number] },
) {
  const decisions = await decideAll(env, asker, evaluations.map(questionOf));
  const stop =
    semantic === "execute_all"
      ? -1
      : decisions.findIndex(({ decision }) => decision === (semantic === "permit_on_first_permit"));
  return (stop < 0 ? decisions : decisions.slice(0, stop + 1)).map(answerOf);
}
