import { Hono } from "hono";
import { html } from "hono/html";
import * as z from "zod";
import { type Settings, settings } from "#env.ts";
import { AppError } from "#platform/errors.ts";
import { body } from "#platform/http.ts";
import { describe, ok, okOrEmpty, type ResidentEnv, signedIn } from "./envelope.ts";
import { type Language, languageOf } from "./texts.ts";
import { flag } from "./wire.ts";

/** POST /api/ext/…: what the operator has set up in the apps (docs/contracts.md, "The apps"). No database: iOS waits for it on its main thread. */
export const ext = new Hono<ResidentEnv>();

const Options = z.looseObject({
  timeZone: z.string(),
  supportPhone: z.string().optional(),
  chatUrl: z.string().optional(),
});

ext.post("/options", describe("How this operator's app behaves", Options), signedIn("edge"), (c) =>
  ok(c, optionsOf(settings(c.env))),
);

/** What the operator has set; where nothing else is said, payments if a bank is in use, our own chat and the support's phone. */
function optionsOf({ APP_OPTIONS, TIME_ZONE, HELPDESKPHONE, PUBLIC_URL, SBER_USER, YOOKASSA_SHOP }: Settings) {
  const set = Object.fromEntries(Object.entries(APP_OPTIONS).filter(([, value]) => value !== null));
  const isOurChat = set.chat === "t" && set.chatUrl === undefined && set.chatOptions === undefined;
  return {
    payments: flag(Boolean(SBER_USER ?? YOOKASSA_SHOP)),
    ...(HELPDESKPHONE && { supportPhone: HELPDESKPHONE }),
    ...(isOurChat && { chatUrl: `${PUBLIC_URL}/api/chat/` }),
    ...set,
    timeZone: TIME_ZONE,
  };
}

const Entry = z.object({
  caption: z.string(),
  icon: z.string(),
  extId: z.string(),
  order: z.number(),
  highlight: z.string().optional(),
});

ext.post("/list", describe("Further entries of the menu", z.array(Entry)), signedIn("edge"), (c) =>
  okOrEmpty(
    c,
    settings(c.env).EXTENSIONS.map(({ code, url, version, ...entry }) => entry),
  ),
);

const Named = z.object({ extId: z.union([z.string(), z.number()]).transform(String) });
const Page = z.object({ basePath: z.url(), code: z.string(), version: z.number() });

ext.post("/ext", describe("The page of such an entry", Page), signedIn("edge"), body(Named), (c) =>
  ok(c, pageOf(settings(c.env), c.req.valid("json").extId, languageOf(c))),
);

function pageOf({ EXTENSIONS, PUBLIC_URL }: Settings, extId: string, language: Language): z.input<typeof Page> {
  const found = EXTENSIONS.find((entry) => entry.extId === extId);
  if (found?.code) return { basePath: `${PUBLIC_URL}/`, code: found.code, version: found.version };
  if (found?.url) return { basePath: found.url, code: leadingTo(found.url, language), version: found.version };
  throw new AppError("not_found", "There is no such page");
}

/** The app shows HTML that it is given: this one goes on to where the operator's page is. */
const leadingTo = (url: string, language: Language): string =>
  String(html`<!DOCTYPE html>
<html lang="${language}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="0;url=${url}"><title>…</title></head>
<body><p><a href="${url}">${language === "en" ? "Open" : "Открыть"}</a></p></body></html>`);
