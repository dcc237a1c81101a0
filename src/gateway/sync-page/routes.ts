import { Hono } from "hono";
import { type AppEnv, limitBodyTo } from "#platform/http.ts";
import { onlyMethods, onTextError } from "../wire.ts";
import { pageFor } from "./page.ts";
import { LONGEST_URL, qrCodeOf } from "./qr-code.ts";

/** /gateway/sync: the page on which a person sees the codes of a sync, and what draws them for it. */
export const syncPage = new Hono<AppEnv>().onError(onTextError);

syncPage.get("/gateway/sync", (c) => {
  const { html, headers } = pageFor(c.env, c.req.header("accept-language"));
  return c.html(html, 200, headers);
});
syncPage.all("/gateway/sync", onlyMethods("GET", "HEAD", "OPTIONS"));

// The URL is a secret until it is scanned, so it comes in a body, where no log keeps it.
syncPage.post("/gateway/sync/qr", limitBodyTo(LONGEST_URL), async (c) =>
  c.json(qrCodeOf(c.env, await c.req.text()), 200, { "Cache-Control": "no-store" }),
);
syncPage.all("/gateway/sync/qr", onlyMethods("POST", "OPTIONS"));
