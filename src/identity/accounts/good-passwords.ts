import { type Env, settings } from "#env.ts";
import { fail } from "#operator/error-catalogue.ts";
import type { Operator } from "#operator/operators.ts";
import { passwordProblems } from "#platform/password-rules.ts";

const PRODUCT = "Yardgate";

/** Throws `password_too_weak` with the `reasons`. `logins` are the person's own: they are what a stranger would try first. */
export function demandGoodPassword(env: Env, operator: Operator, password: string, logins: readonly string[]): void {
  const { LIMITS } = settings(env);
  const minLength = operator.params.two_step ? LIMITS.passwordMinLengthWithSecondStep : LIMITS.passwordMinLength;
  const words = [PRODUCT, operator.name, ...logins];
  const reasons = passwordProblems(password, { minLength, maxLength: LIMITS.passwordMaxLength, words });
  if (reasons.length > 0) throw fail("password_too_weak", { extra: { reasons } });
}
