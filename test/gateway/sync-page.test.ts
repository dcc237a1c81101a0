import { env } from "cloudflare:test";
import { encode } from "uqr";
import { expect, test } from "vitest";
import { TEXTS } from "../../src/gateway/sync-page/texts.ts";
import { call, envWith } from "../support/world.ts";

const page = (query = "", init: RequestInit = {}) => call(`/gateway/sync${query}`, init);
const draw = (url: string) => call("/gateway/sync/qr", { method: "POST", body: url });
const inLanguage = async (language: string) => (await page("", { headers: { "accept-language": language } })).text();

const SESSION = "https://api.example.net:443/v2/sync/users/u-1/sessions/5f1c1d96bebc4c56813ea4ba2b65bdaa/handshake";

/** The modules that a path of bars makes dark, as a picture of rows. */
function painted({ size, path }: { size: number; path: string }): boolean[][] {
  const rows = Array.from({ length: size }, () => Array<boolean>(size).fill(false));
  const drawn = path.replace(/M(\d+) (\d+)h(\d+)v1h-(\d+)z/g, (_, x, y, width, back) => {
    expect(back).toBe(width);
    rows[Number(y)]!.fill(true, Number(x), Number(x) + Number(width));
    return "";
  });
  expect(drawn).toBe("");
  return rows;
}

test("the page may run its own script and nothing else, is kept nowhere and framed by nobody", async () => {
  const response = await page("?user=u-1");
  const html = await response.text();
  const nonce = /<script nonce="([\w-]{36})">/.exec(html)?.[1];
  expect(response.status).toBe(200);
  expect(response.headers.get("content-type")).toBe("text/html; charset=UTF-8");
  expect(response.headers.get("content-security-policy")?.split("; ").sort()).toEqual([
    "base-uri 'none'",
    "connect-src 'self' wss://api.example.net:443",
    "default-src 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
    "img-src data:",
    "require-trusted-types-for 'script'",
    `script-src 'nonce-${nonce}'`,
    `style-src 'nonce-${nonce}'`,
  ]);
  expect(Object.fromEntries(response.headers)).toMatchObject({
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "x-robots-tag": "noindex",
  });
  expect(html).not.toMatch(/\{\{|undefined<|\b(src|href)="(?!data:|\/gateway\/sync")|\son\w+=|\sstyle=|url\(|@import/);
});

test("each page has a nonce of its own", async () => {
  const [first, second] = await Promise.all([page(), page()]);
  expect(first.headers.get("content-security-policy")).not.toBe(second.headers.get("content-security-policy"));
});

test("nothing of the request stands in the page, whatever a user id is made of", async () => {
  const bare = (html: string) => html.replaceAll(/nonce="[^"]+"/g, "");
  const hostile = `"><script>alert(1)</script><img src=x onerror=alert(2)>{{nonce}}`;
  const plain = await (await page()).text();
  const asked = await page(`?user=${encodeURIComponent(hostile)}&lang=${encodeURIComponent(hostile)}`);
  expect(bare(await asked.text())).toBe(bare(plain));
});

test.each([
  ["en-GB,en;q=0.9", "en"],
  ["ru-RU,ru;q=0.9,en;q=0.8", "ru"],
  ["de, en;q=0.5, ru;q=0.9", "ru"],
  ["RU", "ru"],
  ["de", "ru"], // neither, so that of the country
] as const)("whoever reads %s is shown %s", async (wanted, shown) => {
  const html = await inLanguage(wanted);
  expect(html).toContain(`<html lang="${shown}">`);
  expect(html).toContain(`<h1>${TEXTS[shown].title}</h1>`);
  expect(html).toContain(`paused&#34;:&#34;${TEXTS[shown].states.paused}&#34;`);
});

test("both languages say the same", () => {
  const keysOf = ({ states, ...texts }: (typeof TEXTS)["en"]) => [Object.keys(texts), Object.keys(states)];
  expect(keysOf(TEXTS.ru)).toEqual(keysOf(TEXTS.en));
});

test("the script has words for each state that it shows, and something to look at or to fill in", async () => {
  const html = await (await page()).text();
  const script = html.slice(html.lastIndexOf("<script"));
  const shown = [...script.matchAll(/\b(?:show|say)\((.*)\)/g)].flatMap(([, of]) =>
    [...of!.matchAll(/"(\w+)"/g)].map(([, state]) => state!),
  );
  const seen = [...html.matchAll(/<(?:svg|form) [^>]*data-in="([^"]+)"/g)].flatMap(([, states]) => states!.split(" "));
  expect([...new Set(shown)].sort()).toEqual(Object.keys(TEXTS.en.states).sort());
  expect(seen.sort()).toEqual([...new Set(shown)].sort());
});

test("the page asks for the next code as often as the settings say", async () => {
  const response = await call("/gateway/sync", {}, envWith({ SESSION_SLEEP_TIMEOUT: "7" }));
  expect(await response.text()).toContain('data-seconds="7"');
});

test("the code of a session's URL is drawn bar by bar, with the quiet zone around it", async () => {
  const response = await draw(SESSION);
  const code = encode(SESSION, { ecc: "M", border: 4 });
  expect(response.status).toBe(200);
  expect(response.headers.get("cache-control")).toBe("no-store");
  const drawn = await response.json<{ size: number; path: string }>();
  expect(drawn.size).toBe(code.size);
  expect(painted(drawn)).toEqual(code.data);
});

test.each([
  ["of another host", SESSION.replace("api.example.net", "evil.example.net"), 400],
  ["of a host that begins like ours", SESSION.replace(":443", ":4430"), 400],
  ["with a user in front of the host", SESSION.replace("api.example.net:443", "api.example.net:443@evil.net"), 400],
  ["of another scheme", SESSION.replace("https:", "apps:"), 400],
  ["of another path", "https://api.example.net:443/i/abc", 400],
  ["that leaves its path", "https://api.example.net:443/v2/sync/users/../../../i/abc", 400],
  ["that leaves its path in disguise", "https://api.example.net:443/v2/sync/users/%2e%2e/%2E./i/abc", 400],
  ["with a line break", `${SESSION}\n`, 400],
  ["with letters that no URL has", `${SESSION}/ё`, 400],
  ["that is no URL", "hello", 400],
  ["that is nothing", "", 400],
  ["of 501 characters", SESSION.padEnd(501, "a"), 413],
])("no code is drawn for a URL %s", async (_, url, status) => {
  const response = await draw(url);
  expect(response.status).toBe(status);
  expect(await response.text()).not.toContain("path");
});

test("a URL of 500 characters is still drawn", async () => {
  expect((await draw(SESSION.padEnd(500, "a"))).status).toBe(200);
});

test.each([
  ["POST", "/gateway/sync", "GET, HEAD, OPTIONS"],
  ["GET", "/gateway/sync/qr", "POST, OPTIONS"],
])("%s %s is not allowed", async (method, path, allowed) => {
  const response = await call(path, { method }, env);
  expect([response.status, response.headers.get("allow")]).toEqual([405, allowed]);
});
