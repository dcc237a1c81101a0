import { Hono } from "hono";
import { describeRoute } from "hono-openapi";
import { settings } from "#env.ts";
import { callersOperator, service } from "../wire/caller.ts";
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
import { type Found, searchActions, searchResources, searchSubjects } from "./search.ts";

/** /access/v1: may somebody do something? In the shapes of AuthZEN 1.0, for the operator's services. */
export const accessRoutes = new Hono<ShieldEnv>();

const describe = (summary: string) => describeRoute({ summary, tags: ["shield"] });
const ours = service("access");

accessRoutes.post("/access/v1/evaluation", describe("Answer one question"), ours, json(Evaluation), async (c) =>
  c.json(answerOf(await decide(c.env, callersOperator(c), questionOf(c.req.valid("json"))))),
);

accessRoutes.post("/access/v1/evaluations", describe("Answer many"), ours, json(Evaluations), async (c) => {
  const { evaluations = [], options, ...preset } = c.req.valid("json");
  if (evaluations.length === 0) {
    const single = questionOf(check(Evaluation, preset));
    return c.json(answerOf(await decide(c.env, callersOperator(c), single)));
  }
  const { evaluations: complete } = check(EachEvaluation, {
    evaluations: evaluations.map((each) => ({ ...preset, ...each })),
  });
  const semantic = options.evaluations_semantic;
  return c.json({ evaluations: await evaluateAll(c.env, callersOperator(c), { evaluations: complete, semantic }) });
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
