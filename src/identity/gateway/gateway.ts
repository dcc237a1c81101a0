import type { Context } from "hono";
import { ulid } from "ulid";
import type { Env } from "#env.ts";
import { fail } from "#operator/error-catalogue.ts";
import { AppError } from "#platform/errors.ts";
import { type After, after, clientAddress } from "#platform/http.ts";
import { logError } from "#platform/log.ts";
import type { Subject } from "../tokens/subject.ts";
import { stillAlive } from "../tokens/validate.ts";
import type { ShieldEnv } from "../wire/context.ts";
import { problem } from "../wire/problem.ts";
import { callIt, trustedId } from "../wire/request-ids.ts";
import { knowAudience } from "./audience.ts";
import { authorise, bearerOf, recognise } from "./checks.ts";
import { ask, handOn } from "./forward.ts";
import { forTarget } from "./headers.ts";
import { assertIdentity } from "./identity-keys.ts";
import { isOwn } from "./own-paths.ts";
import { pathOf, segmentsOf } from "./paths.ts";
import { objectionTo, targetUrl } from "./providers.ts";
import { findRoute, type Route, routeTable } from "./route-table.ts";
import { joined, watch } from "./sockets.ts";

/** Serves one request inside this Worker. */
type Inside = (request: Request, env: Env, context: ExecutionContext) => Response | Promise<Response>;

/**
 * Answers for paths that no surface of the product has: looks the route up, recognises the caller, asks whether they may, and only
 * then lets the request through to its target. Whatever is refused or fails on the way leaves as one problem document.
 */
export const gateway =
  (inside: Inside) =>
  async (c: Context<ShieldEnv>): Promise<Response> => {
    c.set("requestId", ulid());
    let route: Route | undefined;
    try {
      const { pathname, search } = new URL(c.req.url);
      const segments = segmentsOf(pathname);
      if (!segments || isOwn(segments[0] ?? "")) throw fail("route_not_found");
      const found = findRoute(await tableFor(c), c.req.method, segments);
      if (!found) throw fail("route_not_found");
      if ("allow" in found) {
        c.header("Allow", found.allow.join(", "));
        throw fail("method_not_allowed");
      }
      ({ route } = found);
      return await pass(c, { route, params: found.params, path: pathOf(segments), search }, inside);
    } catch (error) {
      await knowAudience(c, route?.operator);
      c.header("Cache-Control", "no-store");
      return problem(error as Error, c);
    }
  };

const tableFor = (c: Context<ShieldEnv>) =>
  routeTable(c.env, after(c), Date.now()).catch((cause: unknown) => {
    throw fail("maintenance", { cause });
  });

interface Passage {
  route: Route;
  params: Record<string, string>;
  path: string;
  /** With its question mark. */
  search: string;
}

async function pass(c: Context<ShieldEnv>, passage: Passage, inside: Inside): Promise<Response> {
  const { route, params, path, search } = passage;
  const authorization = c.req.header("authorization");
  const caller = await recognise(c.env, route, { method: c.req.method, authorization }, after(c));
  if (caller) {
    c.set("caller", caller);
    const given = caller.kind === "service" ? trustedId(c.req.header("x-request-id")) : undefined;
    if (given) c.set("requestId", given);
  }
  const domain = caller ? await authorise(c.env, route, params, caller) : null;
  const requestId = c.get("requestId");
  const url = targetUrl(c.env, route.target, path, route.stripPrefix);
  if (route.target.kind === "module") {
    const request = callIt(new Request(url + search, c.req.raw), requestId);
    return inside(request, c.env, c.executionCtx as ExecutionContext);
  }
  // The allowed hosts may have become fewer since the route was saved.
  if (objectionTo(c.env, route.target)) throw fail("upstream_unavailable");

  const { method } = c.req;
  const headers = forTarget(c.req.raw.headers, route.passBearer);
  headers.set("X-Request-Id", requestId);
  headers.set("X-Forwarded-For", clientAddress(c));
  if (caller) {
    headers.set("X-Shield-Subject", caller.id);
    headers.set("X-Shield-Operator", caller.operator);
    if (route.identity === "jws") {
      const asserted = { route, provider: route.target, caller, domain, requestId, method, url };
      headers.set("X-Shield-Identity", await assertIdentity(c.env, asserted, new Date()));
    }
  }
  const isSocket = method === "GET" && c.req.header("upgrade")?.toLowerCase() === "websocket";
  if (isSocket) headers.set("Upgrade", "websocket");
  // A body that these methods cannot have in `fetch` means nothing either (RFC 9110 §9.3.1).
  const body = method === "GET" || method === "HEAD" ? null : c.req.raw.body;
  if (!body) headers.delete("content-length");
  const outgoing = { provider: route.target, url: url + search, method, headers, body, timeoutMs: route.timeoutMs };
  const answer = await ask(c.env, outgoing);
  return isSocket && answer.webSocket
    ? relay(c, { route, params, caller }, answer.webSocket, answer.headers)
    : handOn(answer, requestId);
}

/** Joins both sockets, and cuts them as soon as the checks of the connect would no longer pass. */
function relay(
  c: Context<ShieldEnv>,
  { route, params, caller }: Pick<Passage, "route" | "params"> & { caller: Subject | undefined },
  target: WebSocket,
  answered: Headers,
): Response {
  const connectedAt = new Date();
  const { client, ...socket } = joined(target);
  const token = bearerOf(c.req.header("authorization"));
  const { env } = c;
  if (caller && token) {
    watch(socket, async () => {
      const kinds = route.kinds as Subject["kind"][];
      await stillAlive(env, token, { kinds, readAt: connectedAt });
      await authorise(env, route, params, caller);
      await stillRouted(env, route);
    });
  }
  const headers = new Headers({ "X-Request-Id": c.get("requestId") });
  const protocol = answered.get("sec-websocket-protocol");
  if (protocol) headers.set("Sec-WebSocket-Protocol", protocol);
  return new Response(null, { status: 101, webSocket: client, headers });
}

async function stillRouted(env: Env, { id, ver }: Route): Promise<void> {
  // The answer has long left, and the open socket keeps the work alive.
  const later: After = (work) => void work().catch((error: unknown) => logError("routes not read", error));
  const table = await routeTable(env, later, Date.now());
  const isThere = [...table.values()].flat().some((route) => route.id === id && route.ver === ver);
  if (!isThere) throw new AppError("forbidden", "The route has changed", { reason: "route_not_found", status: 403 });
}
