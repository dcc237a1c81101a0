import { Hono } from "hono";
import { describeRoute } from "hono-openapi";
import * as z from "zod";
import { fail } from "#operator/error-catalogue.ts";
import { database } from "#platform/db.ts";
import { clientAddress } from "#platform/http.ts";
import { demand } from "../policies/demand.ts";
import { bearer } from "../wire/caller.ts";
import { actorOf, type ShieldEnv } from "../wire/context.ts";
import { idempotent } from "../wire/idempotency.ts";
import { json, Page, query } from "../wire/input.ts";
import { invitationsOf, invitationsTo } from "./invitation-queries.ts";
import { invite, qrOf, withdrawInvitation } from "./invitations.ts";
import { acceptInvitation, declineInvitation, findInvitation } from "./joining.ts";
import { demandEnd } from "./members.ts";
import { rolesUpTo } from "./roles.ts";
import { invitationView, memberView, offered, pageOf, previewView } from "./views.ts";

const about = (summary: string) => describeRoute({ tags: ["shield"], summary });

const WEEK_S = 604_800;
const Instant = z.iso.datetime({ offset: true }).transform((text) => new Date(text));
const To = z.union([
  z
    .strictObject({ phone: z.string().min(1).max(32) })
    .transform(({ phone: value }) => ({ type: "phone" as const, value })),
  z
    .strictObject({ email: z.string().min(1).max(254) })
    .transform(({ email: value }) => ({ type: "email" as const, value })),
]);
const NewInvitation = z.object({
  to: To.nullable().default(null),
  role: z.enum(["owner", "admin", "member", "guest"]),
  /** Seconds. */
  expires_in: z.number().int().min(1).max(WEEK_S).default(WEEK_S),
  member_expires_at: Instant.nullable().optional(),
  note: z.string().trim().max(200).nullable().default(null),
  max_uses: z.number().int().min(1).max(100).default(1),
});

/** Above every id of an invitation: where a list that begins with the newest begins. */
const NEWEST = "inv_~";
const DAY = 86_400_000;

const wrong = (pointer: string, code: string) => fail("validation_failed", { extra: { errors: [{ pointer, code }] } });

/** Invitations: made, listed and withdrawn by the domain; seen, taken up and turned down by whom they are for. */
export const invitationRoutes = new Hono<ShieldEnv>()
  .post(
    "/domains/:id/invitations",
    about("Invite somebody into a domain"),
    bearer({ firm: true }),
    idempotent,
    json(NewInvitation),
    async (c) => {
      const caller = c.get("caller");
      const domainId = c.req.param("id");
      const now = new Date();
      const { role: own } = await demand(c.env, caller, "invite", { type: "domain", id: domainId });
      const { to, role, expires_in, member_expires_at, note, max_uses: maxUses } = c.req.valid("json");
      if (!rolesUpTo(own).includes(role)) throw fail("role_insufficient");
      if (role === "owner") throw wrong("/role", "owners_are_not_invited");
      if (to && maxUses > 1) throw wrong("/max_uses", "only_for_links");
      const expiresAt = new Date(now.getTime() + expires_in * 1000);
      // A guest of whom nothing else is said may stay for a day after the last moment to come.
      const preset = role === "guest" ? new Date(expiresAt.getTime() + DAY) : null;
      const memberExpiresAt = member_expires_at ?? preset;
      demandEnd(role, memberExpiresAt, now, "/member_expires_at");
      const invited = await invite(
        c.env,
        caller.operator,
        { domainId, to, role, expiresAt, memberExpiresAt, note, maxUses },
        { actor: { ...actorOf(c), id: caller.id }, by: own, address: clientAddress(c) },
        now,
      );
      const { id, link } = invited;
      const shown = link === undefined ? {} : { link, qr: qrOf(link), max_uses: maxUses };
      return c.json({ id, ...offered({ role, expiresAt, memberExpiresAt }), ...shown }, 201);
    },
  )
  .get("/domains/:id/invitations", about("Open invitations of a domain"), bearer(), query(Page), async (c) => {
    const caller = c.get("caller");
    const id = c.req.param("id");
    await demand(c.env, caller, "invite", { type: "domain", id });
    const { limit, cursor = NEWEST } = c.req.valid("query");
    const range = { before: cursor, limit: limit + 1, now: new Date() };
    const rows = await invitationsOf(database(c.env), caller.operator, id, range);
    return c.json(pageOf(rows, limit, (row) => row.id, invitationView));
  })
  .delete("/domains/:id/invitations/:invitation", about("Withdraw an invitation"), bearer(), async (c) => {
    const caller = c.get("caller");
    const { id: domainId, invitation: id } = c.req.param();
    await demand(c.env, caller, "invite", { type: "domain", id: domainId });
    await withdrawInvitation(c.env, caller.operator, { id, domainId }, actorOf(c));
    return c.body(null, 204);
  })
  .get("/invitations", about("Invitations to oneself"), bearer(), query(Page), async (c) => {
    const caller = c.get("caller");
    const { limit, cursor = NEWEST } = c.req.valid("query");
    const range = { before: cursor, limit: limit + 1, now: new Date() };
    const rows = await invitationsTo(database(c.env), caller.operator, caller.id, range);
    return c.json(pageOf(rows, limit, ({ invitation }) => invitation.id, previewView));
  })
  .get("/invitations/:code", about("What an invitation is to"), bearer(), async (c) => {
    return c.json(previewView(await findInvitation(c.env, c.get("caller"), c.req.param("code"), new Date())));
  })
  .post("/invitations/:code/accept", about("Join a domain"), bearer(), async (c) => {
    const now = new Date();
    const joined = await acceptInvitation(c.env, c.get("caller"), c.req.param("code"), actorOf(c), now);
    const { domainId } = joined.member;
    return c.json({ ...memberView(joined), domain: { id: domainId, name: joined.domainName } });
  })
  .post("/invitations/:code/decline", about("Turn an invitation down"), bearer(), async (c) => {
    await declineInvitation(c.env, c.get("caller"), c.req.param("code"), actorOf(c), new Date());
    return c.body(null, 204);
  });
