import { type Context, Hono, type MiddlewareHandler } from "hono";
import { describeRoute } from "hono-openapi";
import type * as z from "zod";
import { settings } from "#env.ts";
import { basicIn } from "../clients/clients.ts";
import { adoptRequestId, callersOperator, confidential, service } from "../wire/caller.ts";
import type { ShieldEnv } from "../wire/context.ts";
import { check, json } from "../wire/input.ts";
import {
  ActionSearch,
  answerOf,
  EachEvaluation,
  Evaluation,
  Evaluations,
  evaluateAll,
  questionOf,
  ResourceSearch,
  SubjectSearch,
} from "./access-wire.ts";
import { decide } from "./check.ts";
import type { Asker } from "./facts.ts";
import { type Found, searchActions, searchResources, searchSubjects } from "./search.ts";

/** /access/v1: may somebody do something? In the shapes of AuthZEN 1.0, for the operator's services. */
export const accessRoutes = new Hono<ShieldEnv>();

const describe = (summary: string) => describeRoute({ summary, tags: ["shield"] });
const SCOPE = "access";
const ours = service(SCOPE);

/** As `ours`, but a secret that is shown is only read here, and looked at by `askerOf`'s question. */
const asking: MiddlewareHandler<ShieldEnv> = (c, next) => {
  const shown = basicIn(c.req.header("authorization"));
  return shown ? next() : ours(c, next);
};

function askerOf(c: Context<ShieldEnv>): Asker {
  const shown = basicIn(c.req.header("authorization"));
  return shown ? { id: shown.user, secret: shown.password, scope: SCOPE } : callersOperator(c);
}

/** The question, as `json` reads it. Where it is none, who shows a wrong secret is told of that and of nothing else. */
function question<S extends z.ZodType>(schema: S): ReturnType<typeof json<S>> {
  const read = json(schema);
  const isShown = confidential(SCOPE);
  const readOrProve: typeof read = async (c, next) => {
    try {
      await read(c, async () => {});
    } catch (error) {
      if (basicIn(c.req.header("authorization"))) await isShown(c, async () => {});
      throw error;
    }
    await next();
  };
  return Object.assign(readOrProve, read);
}

/** The answer, and the request's name as a client may give it that has shown who it is. */
function answered(c: Context<ShieldEnv>, body: object): Response {
  adoptRequestId(c);
  return c.json(body);
}

accessRoutes.post("/access/v1/evaluation", describe("Answer one question"), asking, question(Evaluation), async (c) =>
  answered(c, answerOf(await decide(c.env, askerOf(c), questionOf(c.req.valid("json"))))),
);

accessRoutes.post("/access/v1/evaluations", describe("Answer many"), asking, question(Evaluations), async (c) => {
  const { evaluations = [], options, ...preset } = c.req.valid("json");
  if (evaluations.length === 0) {
    const single = questionOf(check(Evaluation, preset));
    return answered(c, answerOf(await decide(c.env, askerOf(c), single)));
  }
  const { evaluations: complete } = check(EachEvaluation, {
    evaluations: evaluations.map((each) => ({ ...preset, ...each })),
  });
  const semantic = options.evaluations_semantic;
  return answered(c, { evaluations: await evaluateAll(c.env, askerOf(c), { evaluations: complete, semantic }) });
});

accessRoutes.post("/access/v1/search/subject", describe("Who may?"), ours, json(SubjectSearch), async (c) => {
  const { page, subject, ...rest } = c.req.valid("json");
  const question = questionOf({ ...rest, subject: { ...subject, id: "" } });
  const found = await searchSubjects(c.env, callersOperator(c), question, page);
  return c.json(pageOf(found, (id) => ({ type: subject.type, id })));
});

accessRoutes.post("/access/v1/search/resource", describe("On what?"), ours, json(ResourceSearch), async (c) => {
  const { page, resource, ...rest } = c.req.valid("json");
  const question = questionOf({ ...rest, resource: { ...resource, id: "" } });
  const found = await searchResources(c.env, callersOperator(c), question, page);
  return c.json(pageOf(found, (id) => ({ type: resource.type, id })));
});

accessRoutes.post("/access/v1/search/action", describe("What?"), ours, json(ActionSearch), async (c) => {
  const { page, ...rest } = c.req.valid("json");
  const question = questionOf({ ...rest, action: { name: "" } });
  const found = await searchActions(c.env, callersOperator(c), question, page);
  return c.json(pageOf(found, (name) => ({ name })));
});

accessRoutes.get("/.well-known/authzen-configuration", describe("Where the questions are asked"), (c) => {
  const base = `${settings(c.env).PUBLIC_URL}/shield/v1`;
  return c.json({
    policy_decision_point: base,
    access_evaluation_endpoint: `${base}/access/v1/evaluation`,
    access_evaluations_endpoint: `${base}/access/v1/evaluations`,
    search_subject_endpoint: `${base}/access/v1/search/subject`,
    search_resource_endpoint: `${base}/access/v1/search/resource`,
    search_action_endpoint: `${base}/access/v1/search/action`,
  });
});

const pageOf = <T>({ names, next }: Found, view: (name: string) => T) => ({
  results: names.map(view),
  page: { next_token: next, count: names.length },
});
