import type { Env } from "#env.ts";
import { AppError } from "#platform/errors.ts";
import { evaluate } from "./evaluate.ts";
import { type Asker, factsOf } from "./facts.ts";
import type { Decision, Facts, Question } from "./question.ts";

export type { Decision, Question } from "./question.ts";

/**
 * May the subject do that? One round trip, asked of the truth itself: what was published or withdrawn before counts. A store that
 * does not answer means no (`unavailable`). Throws `policy_version_unreached`.
 */
export async function decide(env: Env, asker: Asker, question: Question, now = new Date()): Promise<Decision> {
  const [decision] = await decideAll(env, asker, [question], now);
  return decision!;
}

/** Answers many questions, in their order, in one round trip as well. */
export async function decideAll(
  env: Env,
  asker: Asker,
  questions: readonly Question[],
  now = new Date(),
): Promise<Decision[]> {
  let facts: Facts[];
  try {
    facts = await factsOf(env, asker, questions);
  } catch (error) {
    // Whoever has not shown who they are gets no answer, not even a no.
    if (typeof asker !== "string" || !(error instanceof AppError && error.reason === "maintenance")) throw error;
    return questions.map(() => UNAVAILABLE);
  }
  return questions.map((question, i) => {
    const { decision, reason, policyVersion, role, domain } = evaluate(question, facts[i]!, now);
    return { decision, reason, policyVersion, role, domain };
  });
}

const UNAVAILABLE: Decision = { decision: false, reason: "unavailable", policyVersion: null, role: null, domain: null };
