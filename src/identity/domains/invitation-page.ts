import type { Context } from "hono";

const PAGE = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>Приглашение · Invitation</title>
<main>
<h1>Приглашение</h1>
<p lang="ru">Откройте эту ссылку на телефоне, где установлено приложение, или отсканируйте код в приложении.</p>
<h1>Invitation</h1>
<p>Open this link on a phone that has the app, or scan its code in the app.</p>
</main>
</html>
`;

const HEADERS = {
  "Cache-Control": "no-store",
  "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
  "Referrer-Policy": "no-referrer",
  "X-Content-Type-Options": "nosniff",
};

/** Where an invitation's link leads without the app. The same for every code, good or not: whoever has the link learns nothing here. */
export const invitationPage = (c: Context) => c.html(PAGE, 200, HEADERS);
