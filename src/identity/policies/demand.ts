import type { Env } from "#env.ts";
import { type FailureCode, fail } from "#operator/error-catalogue.ts";
import type { Subject } from "../tokens/subject.ts";
import { decide } from "./check.ts";
import type { Decision, Reason, ResourceRef } from "./question.ts";

/**
 * Throws unless the caller may do that. To whom a domain or a controller is foreign it is not there: `domain_not_found`,
 * `device_not_found`. Else `role_insufficient` on a domain, `access_denied` on anything else, `reauthentication_required` where
 * only the proof is too old, `maintenance` where the rights cannot be read.
 */
export async function demand(
  env: Env,
  caller: Subject,
  action: string,
  resource: ResourceRef,
  now = new Date(),
): Promise<Decision> {
  const subject = { type: caller.kind, id: caller.id };
  const decision = await decide(env, caller.operator, { subject, action, resource, authAt: caller.authAt }, now);
  if (!decision.decision) throw fail(refusalOf(decision.reason, resource.type));
  return decision;
}

function refusalOf(reason: Reason, type: string): FailureCode {
  if (reason === "unavailable") return "maintenance";
  if (reason === "authentication_too_old") return "reauthentication_required";
  if (reason === "outside_domain" || reason === "resource_unknown") return FOREIGN[type] ?? "access_denied";
  return type === "domain" ? "role_insufficient" : "access_denied";
}

const FOREIGN: Record<string, FailureCode> = { domain: "domain_not_found", controller: "device_not_found" };
