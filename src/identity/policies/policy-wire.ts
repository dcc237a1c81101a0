import * as z from "zod";
import { fail } from "#operator/error-catalogue.ts";
import { versionText } from "./policy-version.ts";
import type { Policy } from "./tables.ts";

/** The name of a type or an action; our own are words. */
export const Name = z.string().regex(/^[A-Za-z][\w.:-]{0,63}$/);
export const Id = z.string().regex(/^\S{1,128}$/);
const Time = z.iso.datetime({ offset: true }).transform((text) => new Date(text));
const Clock = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/);

const Weekly = z
  .object({
    days: z.array(z.int().min(1).max(7)).min(1).max(7),
    from: Clock,
    to: z.union([Clock, z.literal("24:00")]),
    tz: z.string().max(64).refine(isTimeZone, "is not a time zone"),
  })
  .refine(({ from, to }) => from !== to, { message: "is empty", path: ["to"] });

const Condition = z
  .object({
    not_before: Time.nullish().default(null),
    expires_at: Time.nullish().default(null),
    weekly: z.array(Weekly).min(1).max(20).nullish().default(null),
    max_auth_age: z.int().min(1).max(31_536_000).nullish().default(null),
  })
  .refine(({ not_before, expires_at }) => !(not_before && expires_at) || not_before < expires_at, {
    message: "ends before it begins",
    path: ["expires_at"],
  });

/** A rule as it is published. */
export const PolicyBody = z
  .object({
    domain: Id,
    subject: z.object({ type: z.enum(["account", "device", "role", "service"]), id: Id }),
    resource: z.object({ type: z.union([Name, z.literal("*")]), id: Id }),
    actions: z
      .array(z.union([Name, z.literal("*")]))
      .min(1)
      .max(50)
      .transform((actions) => [...new Set(actions)]),
    effect: z.enum(["allow", "deny"]).default("allow"),
    condition: Condition.nullish(),
  })
  .refine(({ resource }) => resource.type !== "*" || resource.id === "*", {
    message: "every type has only every id",
    path: ["resource", "id"],
  })
  .refine(({ effect, condition }) => effect === "allow" || !condition?.max_auth_age, {
    message: "a prohibition does not depend on a proof",
    path: ["condition", "max_auth_age"],
  });

/** What a rule says, without who said it. */
export type Draft = Omit<Policy, "operator" | "id" | "origin" | "createdBy" | "createdAt" | "ver">;

/** Reads a rule; throws `policy_invalid` with a pointer for each thing that is wrong with it. One whose time is over is valid: it gives nothing. */
export function readPolicy(body: unknown): Draft {
  const result = PolicyBody.safeParse(body);
  if (!result.success)
    throw policyInvalid(
      ...result.error.issues.map(({ path, code, message }) => ({
        pointer: `/${path.map(String).join("/")}`,
        code,
        message,
      })),
    );
  const { domain, subject, resource, actions, effect, condition } = result.data;
  return {
    ...{ domainId: domain, subjType: subject.type, subjId: subject.id, resType: resource.type, resId: resource.id },
    ...{ actions, effect, expiresAt: condition?.expires_at ?? null, notBefore: condition?.not_before ?? null },
    ...{ weekly: condition?.weekly ?? null, maxAuthAge: condition?.max_auth_age ?? null },
  };
}

export interface PolicyProblem {
  pointer: string;
  code: string;
  message?: string;
}

export const policyInvalid = (...errors: PolicyProblem[]) => fail("policy_invalid", { extra: { errors } });

export function policyView(policy: Policy) {
  return {
    id: policy.id,
    domain: policy.domainId,
    subject: { type: policy.subjType, id: policy.subjId },
    resource: { type: policy.resType, id: policy.resId },
    actions: policy.actions,
    effect: policy.effect,
    condition: {
      not_before: policy.notBefore?.toISOString() ?? null,
      expires_at: policy.expiresAt?.toISOString() ?? null,
      weekly: policy.weekly,
      max_auth_age: policy.maxAuthAge,
    },
    origin: policy.origin,
    created_by: policy.createdBy,
    created_at: policy.createdAt.toISOString(),
    version: policy.ver,
  };
}

/** A rule just written, with the version of its domain's rights from which it counts. */
export const writtenView = ({ policy, version }: { policy: Policy; version: number }) => ({
  ...policyView(policy),
  policy_version: versionText(policy.domainId, version),
});

function isTimeZone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: zone });
    return true;
  } catch {
    return false;
  }
}
