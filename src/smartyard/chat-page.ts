import { html, raw } from "hono/html";
import { CHAT_SCRIPT } from "./chat-script.ts";
import type { Language } from "./texts.ts";

const WORDS = {
  ru: {
    title: "Чат с оператором",
    hello: "Напишите нам, мы ответим здесь же.",
    placeholder: "Сообщение",
    send: "Отправить",
    failed: "Не отправлено. Нажмите, чтобы повторить",
    offline: "Нет связи, пробуем снова…",
    stranger: "Откройте чат в приложении, войдя в него.",
    operator: "Оператор",
  },
  en: {
    title: "Chat with the operator",
    hello: "Write to us, we will answer right here.",
    placeholder: "Message",
    send: "Send",
    failed: "Not sent. Tap to try again",
    offline: "No connection, trying again…",
    stranger: "Open the chat in the app, signed in.",
    operator: "Operator",
  },
};

const STYLE = raw(`
:root{color-scheme:light dark;--back:#f3f4f7;--ink:#1d2129;--soft:#6b7280;--theirs:#fff;--mine:#2f7cf6;--line:#dfe2e8}
@media (prefers-color-scheme:dark){:root{--back:#14161a;--ink:#eceef2;--soft:#9aa3b2;--theirs:#262b33;--line:#333a45}}
*{box-sizing:border-box}
html,body{height:100%;margin:0}
body{display:flex;flex-direction:column;background:var(--back);color:var(--ink);font:16px/1.4 system-ui,sans-serif}
main{flex:1;overflow-y:auto;overscroll-behavior:contain;padding:12px}
ol{display:flex;flex-direction:column;gap:6px;max-width:44rem;min-height:100%;margin:0 auto;padding:0;list-style:none;justify-content:flex-end}
li{max-width:82%;padding:8px 12px;border-radius:16px;background:var(--theirs);align-self:flex-start;overflow-wrap:anywhere}
li.resident{align-self:flex-end;background:var(--mine);color:#fff}
li.day,li.hello{align-self:center;background:none;color:var(--soft);font-size:13px;text-align:center}
li.waiting{opacity:.6}
li.failed{opacity:1;outline:2px solid #d64545;cursor:pointer}
b{display:block;font-size:13px;color:var(--mine)}
p{margin:0;white-space:pre-wrap;unicode-bidi:plaintext}
small{display:block;font-size:11px;text-align:right;opacity:.7}
#state{min-height:0;padding:0 12px;text-align:center;font-size:13px;color:var(--soft)}
form{display:flex;gap:8px;align-items:flex-end;width:100%;max-width:46rem;margin:0 auto;padding:8px 12px calc(8px + env(safe-area-inset-bottom))}
textarea{flex:1;max-height:9em;padding:10px 14px;border:1px solid var(--line);border-radius:20px;background:var(--theirs);color:inherit;font:inherit;resize:none}
button{width:44px;height:44px;flex:none;border:0;border-radius:50%;background:var(--mine);color:#fff;font-size:20px;line-height:1}
button:disabled{opacity:.4}
`);

/** What the page may do: run its own script and style, and call us. */
export const chatPolicy = (nonce: string): string =>
  [
    "default-src 'none'",
    `script-src 'nonce-${nonce}'`,
    `style-src 'nonce-${nonce}'`,
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join("; ");

/** The chat as a page: the same for everybody, because it asks the app for the resident's token itself. */
export function chatPage(nonce: string, language: Language): string {
  const words = WORDS[language];
  return String(html`<!DOCTYPE html>
<html lang="${language}"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover, interactive-widget=resizes-content">
<title>${words.title}</title><style nonce="${nonce}">${STYLE}</style></head>
<body data-words="${JSON.stringify(words)}">
<main><ol id="lines" role="log" aria-live="polite" aria-label="${words.title}"><li class="hello">${words.hello}</li></ol></main>
<div id="state" role="status"></div>
<form id="form" autocomplete="off">
<textarea id="text" rows="1" maxlength="4000" enterkeyhint="send" placeholder="${words.placeholder}" aria-label="${words.placeholder}"></textarea>
<button id="send" type="submit" aria-label="${words.send}" disabled>➤</button></form>
<script nonce="${nonce}">${raw(CHAT_SCRIPT)}</script></body></html>`);
}
