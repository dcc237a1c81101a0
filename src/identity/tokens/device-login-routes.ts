import { Hono } from "hono";
import { html } from "hono/html";
import { describeRoute } from "hono-openapi";
import * as z from "zod";
import { after, clientAddress } from "#platform/http.ts";
import { bearer } from "../wire/caller.ts";
import { actorOf, type ShieldEnv } from "../wire/context.ts";
import { json } from "../wire/input.ts";
import { decideDeviceGrant, previewDeviceGrant } from "./device-grants.ts";

/** The person's side of a television's sign-in. */
export const deviceLoginRoutes = new Hono<ShieldEnv>();

const describe = (summary: string) => describeRoute({ summary, tags: ["shield"] });

deviceLoginRoutes.get(
  "/me/device-login/:code",
  describe("What shows this code on its screen"),
  bearer({ firm: true }),
  async (c) => {
    const guest = { caller: c.var.caller, address: clientAddress(c) };
    return c.json(await previewDeviceGrant(c.env, guest, c.req.param("code"), after(c)));
  },
);

const Decision = z.object({ user_code: z.string().min(1).max(40), approve: z.boolean() });

deviceLoginRoutes.post(
  "/me/device-login",
  describe("Let a television in, or turn it away"),
  bearer({ firm: true }),
  json(Decision),
  async (c) => {
    const { user_code: userCode, approve } = c.req.valid("json");
    const guest = { caller: c.var.caller, address: clientAddress(c) };
    await decideDeviceGrant(c.env, guest, { userCode, approve }, actorOf(c), after(c));
    return c.body(null, 204);
  },
);

/** Where a television sends people who do not have the app at hand: nobody approves anything here. */
deviceLoginRoutes.get("/device", describe("How to let a television in"), (c) => {
  const code = /^[A-Z]{4}-[A-Z]{4}$/.exec(c.req.query("user_code") ?? "")?.[0];
  c.header("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'");
  return c.html(html`<!doctype html>
<html lang="ru">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Вход на телевизоре</title>
<h1>Вход на телевизоре</h1>
<p>Откройте приложение на телефоне, где вы уже вошли, и введите код с экрана${code ? html`: <strong>${code}</strong>` : ""}.
Подтверждайте только код, который видите на своём телевизоре.
<p lang="en">Open the app where you are signed in and enter the code from the screen. Approve only what your own television shows.
</html>`);
});
