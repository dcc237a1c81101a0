import * as z from "zod";
import type { Env } from "#env.ts";
import { fail } from "#operator/error-catalogue.ts";
import { check } from "../wire/input.ts";
import { PLACEHOLDER } from "./checks.ts";
import { isOwn } from "./own-paths.ts";
import { literalPrefix, namesIn, overlap, type Pattern, parsePattern } from "./patterns.ts";
import { objectionTo, providerOf } from "./providers.ts";
import { METHODS, methodsOf } from "./route-table.ts";
import type { GatewayRoute } from "./tables.ts";

const Method = z
  .string()
  .transform((text) => text.toUpperCase())
  .pipe(z.enum(["*", ...METHODS]));

/** How fresh the answer must be whether the session lives. There are two classes; the other names are taken for the nearer one. */
const Class = z.enum(["strict", "edge", "fast", "lax"]).transform((name) => (name === "strict" ? name : "edge"));

/** A route as Operations writes it. */
export const RouteInput = z.object({
  /** A method, several, or `*`. */
  method: z.union([Method.transform((one) => [one]), z.array(Method).min(1).max(METHODS.length)]),
  /** An absolute path: literal segments, `{name}` for one of them, `/*` at the end for the rest. */
  pattern: z.string().max(400),
  /** `https://host/base`, `service:BINDING`, or `module:/shield/v1/…`. */
  provider: z.string().max(500),
  auth: z.enum(["none", "optional", "required"]).default("required"),
  /** Whose tokens are taken. */
  knd: z
    .array(z.enum(["account", "device", "service"]))
    .min(1)
    .default(["account"]),
  /** Which a token must have, all of them. */
  scopes: z
    .array(z.string().regex(/^[\x21\x23-\x5B\x5D-\x7E]{1,64}$/))
    .max(20)
    .default([]),
  /** Not given: strict for whatever may change something, edge for the rest. */
  class: Class.nullable().default(null),
  policy: z
    .object({
      action: z.string().regex(/^[a-z][\w:.-]{0,63}$/i),
      /** `door:{params.id}` */
      resource: z
        .string()
        .max(200)
        .regex(/^[a-z][a-z0-9_-]*:./),
      /** In whose domain the right is asked: the resource's, which is the only way there is. */
      domain_from: z.literal("resource").optional(),
    })
    .transform(({ action, resource }) => ({ action, resource }))
    .nullable()
    .default(null),
  /** `jws`: the target gets a signed assertion about the caller. */
  identity: z.enum(["jws", "none"]).default("jws"),
  timeout_ms: z.int().min(10).max(60_000).default(10_000),
  /** What the target does not see of the path: a beginning of the pattern's literal segments; `true` for all of them. */
  strip_prefix: z
    .union([z.string().max(400), z.boolean()])
    .nullable()
    .default(null),
  /** Whether the target gets the caller's `Authorization` header. */
  pass_bearer: z.boolean().default(false),
  enabled: z.boolean().default(true),
  /** There are none per route: whoever asks for some is not to believe that they hold. */
  limits: z.strictObject({}).nullish(),
});
export type RouteInput = z.output<typeof RouteInput>;

export type RouteFields = Omit<GatewayRoute, "operator" | "id" | "keyKid" | "keyVersion" | "createdAt" | "ver">;

/** What a row holds of an input. Throws `validation_failed` with a pointer for each thing that is wrong. */
export function fieldsOf(env: Env, value: unknown): RouteFields {
  const input = check(RouteInput, value);
  const pattern = parsePattern(input.pattern);
  const errors = [
    ...patternProblems(input, pattern),
    ...providerProblems(env, input),
    ...policyProblems(input, pattern),
  ];
  if (errors.length > 0 || !pattern) throw fail("validation_failed", { extra: { errors } });
  return {
    ...{ methods: [...new Set(input.method)], pattern: input.pattern, provider: input.provider, auth: input.auth },
    ...{ kinds: [...new Set(input.knd)], scopes: [...new Set(input.scopes)], class: input.class, policy: input.policy },
    ...{ identity: input.identity, timeoutMs: input.timeout_ms, passBearer: input.pass_bearer, enabled: input.enabled },
    stripPrefix: prefixOf(input, pattern) || null,
  };
}

interface Problem {
  pointer: string;
  code: string;
  message: string;
}

const problemAt = (pointer: string, message: string, code = "invalid"): Problem => ({ pointer, code, message });

function patternProblems(input: RouteInput, pattern: Pattern | undefined): Problem[] {
  if (!pattern) return [problemAt("/pattern", "an absolute path of literal segments, {names} and a /* at the end")];
  const [first] = pattern.steps;
  if (!first || !("literal" in first)) return [problemAt("/pattern", "the first segment must be literal")];
  if (isOwn(first.literal)) return [problemAt("/pattern", "this path is the product's own", "reserved")];
  const prefix = prefixOf(input, pattern);
  const literal = literalPrefix(pattern);
  if (prefix !== "" && literal !== prefix && !literal.startsWith(`${prefix}/`))
    return [problemAt("/strip_prefix", "not a beginning of the pattern's literal segments")];
  return [];
}

function prefixOf({ strip_prefix: strip }: RouteInput, pattern: Pattern): string {
  if (typeof strip === "string") return strip.replace(/\/$/, "");
  return strip ? literalPrefix(pattern) : "";
}

function providerProblems(env: Env, { provider: text }: RouteInput): Problem[] {
  const provider = providerOf(text);
  if (!provider) return [problemAt("/provider", "https://host/base, service:BINDING, or module:/path")];
  const objection = objectionTo(env, provider);
  return objection ? [problemAt("/provider", objection, "unknown_target")] : [];
}

function policyProblems({ auth, policy, scopes }: RouteInput, pattern: Pattern | undefined): Problem[] {
  const problems: Problem[] = [];
  if (auth !== "required" && scopes.length > 0) problems.push(problemAt("/scopes", "need auth: required"));
  if (!policy) return problems;
  if (auth !== "required") problems.push(problemAt("/policy", "needs auth: required"));
  const names = pattern ? namesIn(pattern) : [];
  const unknown = [...policy.resource.matchAll(PLACEHOLDER)]
    .map(([, name = ""]) => name)
    .filter((name) => name.startsWith("params.") && !names.includes(name.slice("params.".length)));
  if (unknown.length > 0 || /[{}]/.test(policy.resource.replace(PLACEHOLDER, "")))
    problems.push(problemAt("/policy/resource", "type:id, with {params.NAME} of the pattern's names, or {subject.id}"));
  return problems;
}

/** The route of the table that would take some of the same requests. Routes that are switched off take none. */
export function clashOf(fields: RouteFields, rows: readonly (RouteFields & { id: string })[]) {
  if (!fields.enabled) return undefined;
  const pattern = parsePattern(fields.pattern)!;
  const methods = methodsOf(fields);
  return rows.find((row) => {
    const other = row.enabled && parsePattern(row.pattern);
    return other && overlap(pattern, other) && methodsOf(row).some((method) => methods.includes(method));
  });
}
