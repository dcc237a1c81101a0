import { html, raw } from "hono/html";
import type { Settings } from "#env.ts";
import { safeLink } from "#messaging/inbox/links.ts";
import type { InboxMessage } from "#messaging/inbox/tables.ts";
import { localText } from "#platform/time.ts";
import type { Language } from "./texts.ts";

// A whole page, which the phones' apps show in a web view and the web app puts into a page of its own: so it has no
// scripts, and every rule of its style names one of its own classes.

const WORDS = {
  ru: { title: "Сообщения", none: "Сообщений пока нет", open: "Открыть", film: "Скачать видео", fresh: "новое" },
  en: { title: "Messages", none: "No messages yet", open: "Open", film: "Download the video", fresh: "new" },
};

const STYLE = raw(`
.yg-inbox-page{margin:0;background:#f3f4f7;color-scheme:light dark}
.yg-inbox{box-sizing:border-box;max-width:40rem;margin:0 auto;padding:12px;font:16px/1.45 system-ui,sans-serif}
.yg-message{margin:0 0 12px;padding:14px 16px;border-radius:14px;background:#fff;color:#1d2129;border-left:4px solid transparent;box-shadow:0 0 0 1px rgb(128 128 128/.18);overflow-wrap:anywhere}
.yg-fresh{border-left-color:#2f7cf6}
.yg-head{margin:0 0 4px;font-size:17px;font-weight:600;line-height:1.3}
.yg-text{margin:0;white-space:pre-line;unicode-bidi:plaintext}
.yg-when{display:block;margin-top:8px;font-size:13px;color:#6b7280}
.yg-link{display:inline-block;margin-top:10px;padding:8px 14px;border-radius:10px;background:#2f7cf6;color:#fff;text-decoration:none}
.yg-none{margin:20vh 0 0;text-align:center;color:#6b7280}
@media (prefers-color-scheme:dark){.yg-inbox-page{background:#14161a}.yg-message{background:#22262d;color:#eceef2}.yg-when,.yg-none{color:#9aa3b2}}
`);
const POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/** The messages as a page, in the order given. */
export function inboxPage(messages: readonly InboxMessage[], settings: Settings, language: Language): string {
  const words = WORDS[language];
  const page = html`<!DOCTYPE html>
<html lang="${language}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${POLICY}"><title>${words.title}</title><style>${STYLE}</style></head>
<body class="yg-inbox-page"><main class="yg-inbox">${
    messages.length > 0
      ? messages.map((message) => messageView(message, settings, language))
      : html`<p class="yg-none">${words.none}</p>`
  }</main></body></html>`;
  return String(page);
}

function messageView({ title, text, link, createdAt, readAt }: InboxMessage, settings: Settings, language: Language) {
  const words = WORDS[language];
  const url = safeLink(link, settings);
  const isFilm = url !== undefined && /\.mp4(?:\?|$)/.test(url);
  return html`<article class="yg-message${readAt ? "" : " yg-fresh"}">
${title && html`<h2 class="yg-head" dir="auto">${printable(title)}</h2>`}<p class="yg-text">${printable(text)}</p>
${url && html`<a class="yg-link" href="${url}" rel="noopener noreferrer">${isFilm ? words.film : words.open}</a>`}
<time class="yg-when">${dateText(createdAt, settings.TIME_ZONE)}${readAt ? "" : ` · ${words.fresh}`}</time></article>
`;
}

// Control characters are nothing to read, and some of them end a parser's patience.
const printable = (text: string) => text.replace(/[^\P{Cc}\n\t]/gu, "");

/** `21.11.2026 14:05` in the operator's zone. */
function dateText(at: Date, zone: string): string {
  const [day = "", time = ""] = localText(at, zone).split(" ");
  return `${day.split("-").reverse().join(".")} ${time.slice(0, 5)}`;
}
