import { type Env, settings } from "#env.ts";
import { hostAllowed } from "#platform/outbound.ts";
import { isLendable } from "./own-paths.ts";
import { segmentsOf } from "./paths.ts";

/** Who serves a route: a server outside, another Worker bound to this one, or a surface of our own. */
export type Provider =
  | { kind: "url"; url: URL }
  | { kind: "service"; binding: string }
  /** Without a slash at the end. */
  | { kind: "module"; path: string };

/** Reads `https://host/base`, `service:BINDING`, `module:/shield/v1/…`; undefined for anything else. */
export function providerOf(text: string): Provider | undefined {
  const binding = /^service:([A-Z][A-Z0-9_]*)$/.exec(text)?.[1];
  if (binding) return { kind: "service", binding };
  const path = /^module:(\/[A-Za-z0-9._~/-]+)$/.exec(text)?.[1]?.replace(/\/$/, "");
  if (path) return segmentsOf(path) ? { kind: "module", path } : undefined;
  if (!/^https?:\/\//i.test(text) || !URL.canParse(text)) return undefined;
  const url = new URL(text);
  const bare = !url.username && !url.password && !url.search && !url.hash && segmentsOf(url.pathname);
  return bare ? { kind: "url", url } : undefined;
}

/** Why requests may not go there; undefined where they may. */
export function objectionTo(env: Env, provider: Provider): string | undefined {
  if (provider.kind === "module")
    return isLendable(provider.path.split("/")[1] ?? "") ? undefined : "no surface that a route may lead to";
  if (provider.kind === "service")
    return serviceOf(env, provider.binding) ? undefined : "this deployment has no such service binding";
  const { ENVIRONMENT, GATEWAY_HOSTS, PUBLIC_URL } = settings(env);
  const isDevelopment = ENVIRONMENT === "development";
  if (provider.url.protocol !== "https:" && !isDevelopment) return "https only";
  if (provider.url.origin === new URL(PUBLIC_URL).origin) return "requests would come back here: use module:/…";
  const allowed = GATEWAY_HOSTS.length > 0 ? GATEWAY_HOSTS : ["*"];
  return hostAllowed(provider.url, allowed, isDevelopment) ? undefined : "the host is not one of GATEWAY_HOSTS";
}

/** The Worker that is bound under that name. */
export function serviceOf(env: Env, binding: string): Fetcher | undefined {
  const bound = (env as unknown as Record<string, unknown>)[binding] as Partial<Fetcher> | undefined;
  return typeof bound?.fetch === "function" ? (bound as Fetcher) : undefined;
}

/** For whom an identity assertion is: the target's origin. A surface of our own gets none. */
export const audienceOfTarget = (provider: Provider): string | null =>
  provider.kind === "module" ? null : provider.kind === "service" ? `service:${provider.binding}` : provider.url.origin;

/** Where a request for these (already plain) segments goes, without its query. */
export function targetUrl(env: Env, provider: Provider, path: string, stripPrefix: string | null): string {
  const own = stripPrefix === null ? path : path.slice(stripPrefix.length);
  if (provider.kind === "service") return `${new URL(settings(env).PUBLIC_URL).origin}${own || "/"}`;
  if (provider.kind === "module") return `${new URL(settings(env).PUBLIC_URL).origin}${provider.path}${own}`;
  const base = provider.url.pathname.replace(/\/$/, "");
  return `${provider.url.origin}${base + own || "/"}`;
}
