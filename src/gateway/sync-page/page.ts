import { type Env, settings } from "#env.ts";
import { languagesIn } from "#operator/error-mapper.ts";
import { ownOrigin } from "../own-url.ts";
import page from "./sync-page.html";
import { TEXTS } from "./texts.ts";

/** The page in the reader's language, and the headers that belong to it. The same for every user: who it is only its script knows. */
export function pageFor(
  env: Env,
  acceptLanguage: string | undefined,
): { html: string; headers: Record<string, string> } {
  const { COUNTRY, PUBLIC_URL, SESSION_SLEEP_TIMEOUT } = settings(env);
  const lang = languageOf(acceptLanguage, COUNTRY === "RU" ? "ru" : "en");
  const { states, ...texts } = TEXTS[lang];
  const nonce = crypto.randomUUID();
  const values: Record<string, string> = {
    ...texts,
    nonce,
    seconds: String(SESSION_SLEEP_TIMEOUT),
    states: JSON.stringify(states),
  };
  const html = page
    .replace('lang="en"', `lang="${lang}"`)
    .replace(/\{\{(\w+)\}\}/g, (_, name: string) => escaped(values[name]!));
  return { html, headers: headersWith(nonce, ownOrigin({ PUBLIC_URL }, "socket")) };
}

const languageOf = (header: string | undefined, preset: "en" | "ru"): "en" | "ru" =>
  languagesIn(header, preset)
    .map((tag) => tag.slice(0, 2).toLowerCase())
    .find((tag) => tag === "en" || tag === "ru") ?? preset;

const escaped = (text: string): string => text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);

function headersWith(nonce: string, sockets: string): Record<string, string> {
  const policy = {
    "default-src": "'none'",
    "script-src": `'nonce-${nonce}'`,
    "style-src": `'nonce-${nonce}'`,
    "connect-src": `'self' ${sockets}`,
    "img-src": "data:", // the icon of the tab
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
    "require-trusted-types-for": "'script'",
  };
  return {
    "Cache-Control": "no-store",
    "Content-Security-Policy": Object.entries(policy)
      .map((directive) => directive.join(" "))
      .join("; "),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    // As the gateway's other answers, without the names that browsers complain about on a page.
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex",
    Vary: "Accept-Language",
  };
}
