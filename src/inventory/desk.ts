import { Hono } from "hono";
import * as z from "zod";
import { type Env, settings } from "#env.ts";
import { tellPeople } from "#identity/installs/tell.ts";
import { APPEAL_STATES, changeCategories, pageOfAppeals, workOnAppeal } from "#operator/desk/appeals.ts";
import { changeBills } from "#operator/desk/housing-bills.ts";
import { listIssues, workOnIssue } from "#operator/desk/issues.ts";
import type { Appeal, Issue } from "#operator/desk/tables.ts";
import { type AppEnv, body } from "#platform/http.ts";
import { photoOf } from "#platform/photos.ts";
import { signedLink } from "#platform/signed-links.ts";
import { localText } from "#platform/time.ts";
import { describe, done, fields } from "./envelope.ts";
import { Id, optional, Text, Uid } from "./fields.ts";
import { Money } from "./money.ts";

/** POST /bill/api/issues_*, appeals_*, appeal_categories_update, bills_update: the operator's side of what residents bring to the desk. */
export const desk = new Hono<AppEnv>();

const Words = z
  .union([z.literal("").transform(() => undefined), z.string().trim().min(1).max(4000)])
  .nullish()
  .transform((words) => words ?? undefined);

const Status = z.enum(["open", "done", "cancelled"]);
const Key = z.string().trim().min(1).max(64);
const IssueView = z.object({
  ...{ key: z.string(), status: Status, type: z.string(), summary: z.string(), description: z.string() },
  ...{ phone: z.string(), uid: z.int().nullable(), address: z.string().nullable(), delivery: z.string().nullable() },
  fields: z.record(z.string(), z.unknown()),
  created: z.string(),
  updated: z.string(),
  comments: z.array(z.object({ author: z.enum(["resident", "operator"]), text: z.string(), date: z.string() })),
});

desk.post(
  "/issues_list/",
  describe("List a hundred issues of a status, the oldest first", z.object({ issues: z.array(IssueView) })),
  fields(z.object({ status: Status, after: Key.nullish() })),
  async (c) => {
    const { status, after } = c.req.valid("json");
    const issues = await listIssues(c.env, { status, after: after ?? undefined });
    return c.json({ issues: issues.map((row) => issueView(c.env, row)) });
  },
);

type ListedIssue = Awaited<ReturnType<typeof listIssues>>[number];

function issueView(env: Env, { issue, comments }: ListedIssue): z.input<typeof IssueView> {
  const { key, status, kind, summary, description, phone, uid, address, delivery } = issue;
  const date = dateIn(env);
  return {
    ...{ key, status, type: kind, summary, description, phone, uid, address, delivery, fields: issue.fields },
    ...{ created: date(issue.createdAt), updated: date(issue.updatedAt) },
    comments: comments.map(({ author, text, at }) => ({ author, text, date: date(at) })),
  };
}

const dateIn = (env: Env) => (at: Date | number) => localText(new Date(at), settings(env).TIME_ZONE);

const IssueWork = z.object({
  key: Key,
  status: Status.nullish(),
  comment: Words,
  delivery: z.enum(["office", "courier"]).nullish(),
});

desk.post("/issues_mod/", describe("Change an issue and tell its resident"), fields(IssueWork), async (c) => {
  const { key, status, comment, delivery } = c.req.valid("json");
  const change = { ...(status && { status }), ...(delivery && { delivery }) };
  const issue = await workOnIssue(c.env, key, { ...change, comment });
  await tellPeople(c.env, [issue.phone], { ...newsOfIssue(issue, { ...change, comment }), action: "inbox" });
  return done(c);
});

const STATUS_NEWS = { open: "Заявка в работе.", done: "Заявка выполнена.", cancelled: "Заявка закрыта." };
const DELIVERY_NEWS = { office: "Код можно получить в офисе.", courier: "Код привезёт курьер." };

function newsOfIssue(
  { key, summary }: Issue,
  news: { status?: Issue["status"]; delivery?: "office" | "courier"; comment?: string | undefined },
) {
  const { status, delivery, comment } = news;
  const said = [status && STATUS_NEWS[status], delivery && DELIVERY_NEWS[delivery], comment].filter(Boolean);
  return { title: `Заявка ${key}`, text: said.join("\n") || summary };
}

const Step = z.object({ kind: z.enum(["status", "work"]), text: z.string(), document: z.string(), date: z.string() });
const AppealView = z.object({
  ...{ appeal_id: z.int(), uid: z.int(), phone: z.string(), address: z.string() },
  ...{ category_id: z.int(), category: z.string(), description: z.string(), document: z.string() },
  ...{ status: z.int(), created: z.string(), updated: z.string(), steps: z.array(Step) },
});
const State = z
  .union([
    z.int(),
    z
      .string()
      .regex(/^\d{1,4}$/)
      .transform(Number),
  ])
  .pipe(z.int().min(1).max(9999));

desk.post(
  "/appeals_list/",
  describe("List a hundred complaints by number", z.object({ appeals: z.array(AppealView) })),
  body(z.object({ status: State.nullish(), after: Uid.nullish() })),
  async (c) => {
    const { status, after } = c.req.valid("json");
    const page = await pageOfAppeals(c.env, { status: status ?? undefined, after: after ?? 0 });
    return c.json({ appeals: page.map((row) => appealView(c.env, row)) });
  },
);

type ListedAppeal = Awaited<ReturnType<typeof pageOfAppeals>>[number];

function appealView(env: Env, { appeal, category, steps }: ListedAppeal): z.input<typeof AppealView> {
  const { id, uid, phone, address, categoryId, description, status } = appeal;
  const [date, document] = [dateIn(env), documentIn(env)];
  return {
    ...{ appeal_id: id, uid, phone, address, category_id: categoryId, category, description, status },
    ...{ document: document(appeal.picture), created: date(appeal.createdAt), updated: date(appeal.updatedAt) },
    steps: steps.map(({ kind, text, picture, at }) => ({ kind, text, document: document(picture), date: date(at) })),
  };
}

const documentIn = (env: Env) => (key: string | null) =>
  key === null ? "" : signedLink(env, `/api/hcs/${key}`, settings(env).LINK_HOURS * 3600);

const AppealWork = z.object({
  appeal_id: Id,
  status: State.nullish(),
  text: Words,
  work: Words,
  document: optional(z.string()),
});

desk.post(
  "/appeals_mod/",
  describe("Write down what was done, and tell who complained"),
  fields(AppealWork),
  async (c) => {
    const { appeal_id: id, status, text, work, document } = c.req.valid("json");
    const photo = document ? photoOf(document) : undefined;
    const appeal = await workOnAppeal(c.env, id, { status: status ?? undefined, text, work, photo });
    const people = appeal.phone ? [appeal.phone] : []; // they may have been deleted since
    await tellPeople(c.env, people, { ...newsOfAppeal(appeal, { status, text, work }), action: "inbox" });
    return done(c);
  },
);

function newsOfAppeal(
  { id, description }: Appeal,
  { status, text, work }: { status?: number | null | undefined; text?: string | undefined; work?: string | undefined },
) {
  const decided = text ?? (status ? APPEAL_STATES[status] : undefined);
  const said = [decided, work].filter(Boolean).join("\n");
  return { title: `Обращение № ${id}`, text: said || description };
}

const Categories = z.object({
  categories: z.array(z.object({ id: Id, name: Text.pipe(z.string().trim().min(1)) })).max(500),
});

desk.post(
  "/appeal_categories_update/",
  describe("Replace what complaints may be about"),
  fields(Categories),
  async (c) => {
    await changeCategories(c.env, c.req.valid("json").categories);
    return done(c);
  },
);

const sum = Money.nullish().transform((kopecks) => kopecks ?? 0);
const Link = z.union([z.literal(""), z.url({ protocol: /^https?$/ }).max(1000)]).nullish();
const Bill = z
  .object({
    ...{ uid: Id, name: Text.pipe(z.string().trim().min(1)), client: Text, paymentlink: Link },
    ...{ balance: sum, amount: sum, currentpayment: sum, arrears: sum },
  })
  .transform(({ paymentlink, currentpayment, ...bill }) => ({
    ...bill,
    paymentLink: paymentlink ?? "",
    current: currentpayment,
  }));
const Bills = z.object({
  bills: z.array(Bill).max(5000),
  uids: z.array(Id).max(10_000).nullish(),
});

desk.post("/bills_update/", describe("Replace the housing bills of these contracts"), fields(Bills), async (c) => {
  const { bills, uids } = c.req.valid("json");
  await changeBills(c.env, { bills, uids: uids ?? [] });
  return done(c);
});
