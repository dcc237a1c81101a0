import type { Env } from "#env.ts";
import { fail } from "#operator/error-catalogue.ts";
import { AppError } from "#platform/errors.ts";
import type { After } from "#platform/http.ts";
import { decide } from "../policies/check.ts";
import type { ResourceRef } from "../policies/question.ts";
import type { Freshness } from "../sessions/sessions.ts";
import type { Subject } from "../tokens/subject.ts";
import { validate } from "../tokens/validate.ts";
import type { Route } from "./route-table.ts";
import type { RoutePolicy } from "./tables.ts";

/** How fresh a route wants the answer: what it says, else strict for whatever may change something. */
export const freshnessOf = (route: Pick<Route, "class">, method: string): Freshness =>
  route.class ?? (method === "GET" || method === "HEAD" || method === "OPTIONS" ? "edge" : "strict");

/**
 * Who is asking; undefined for nobody, where the route takes that. A token counts in the `Authorization` header and nowhere else.
 * Throws what `validate` throws, `token_missing`, and `maintenance` where nobody can say.
 */
export async function recognise(
  env: Env,
  route: Route,
  { method, authorization }: { method: string; authorization: string | undefined },
  later: After,
): Promise<Subject | undefined> {
  if (route.auth === "none") return undefined;
  const token = bearerOf(authorization);
  if (token === undefined) {
    if (route.auth === "optional" && !/^bearer\b/i.test(authorization ?? "")) return undefined;
    throw fail("token_missing");
  }
  const wanted = { kinds: route.kinds as Subject["kind"][], freshness: freshnessOf(route, method) };
  return validate(env, token, wanted, later).catch((error: unknown) => {
    throw error instanceof AppError ? error : fail("maintenance", { cause: error });
  });
}

/** The token of `Authorization: Bearer`. */
export const bearerOf = (authorization: string | undefined): string | undefined =>
  /^Bearer +(\S+)$/i.exec(authorization ?? "")?.[1];

/**
 * Throws unless the caller may take this route, which is asked at every request: what is remembered is whether a session lives,
 * never what it may do. Returns the domain of what was asked for, as far as it is known.
 */
export async function authorise(
  env: Env,
  route: Route,
  params: Record<string, string>,
  caller: Subject,
): Promise<string | null> {
  if (route.operator !== "*" && route.operator !== caller.operator) throw fail("access_denied");
  if (!route.scopes.every((scope) => caller.scopes.includes(scope))) throw fail("insufficient_scope");
  if (!route.policy) return caller.domain ?? null;
  const resource = resourceOf(route.policy, params, caller);
  if (!resource) throw fail("access_denied");
  const { decision, reason, domain } = await decide(env, caller.operator, {
    ...{ subject: { type: caller.kind, id: caller.id }, action: route.policy.action, resource, authAt: caller.authAt },
  });
  if (decision) return domain ?? caller.domain ?? null;
  if (reason === "unavailable") throw fail("maintenance");
  throw fail(reason === "authentication_too_old" ? "reauthentication_required" : "access_denied");
}

/** What may stand for something from the request in a policy's resource. */
export const PLACEHOLDER = /\{(params\.[A-Za-z_]\w*|subject\.id)\}/g;

/** The resource that is asked for. Undefined where the path names `*`, which to the rights is every resource of the type. */
export function resourceOf(
  { resource }: RoutePolicy,
  params: Record<string, string>,
  caller: Pick<Subject, "id">,
): ResourceRef | undefined {
  const colon = resource.indexOf(":");
  const template = resource.slice(colon + 1);
  const id = template.replace(PLACEHOLDER, (_, name: string) =>
    name === "subject.id" ? caller.id : (params[name.slice("params.".length)] ?? ""),
  );
  if (id === "" || (id === "*" && template !== "*")) return undefined;
  return { type: resource.slice(0, colon), id };
}
