import { createPublicKey, generateKeyPairSync } from "node:crypto";
import type { Browser, BrowserContextOptions } from "playwright-core";
import { encode } from "uqr";
import { afterAll, beforeAll, expect, test } from "vitest";
import { rsaSeal } from "#gateway/crypto/oaep.ts";
import { TEXTS } from "#gateway/sync-page/texts.ts";
import { modulesOf, openWindow, startChromium, type Window } from "./support/browser.ts";
import { eventually } from "./support/eventually.ts";
import { Line } from "./support/line.ts";
import { INTEGRATION_TOKEN, Yardgate } from "./support/server.ts";
import { makeWorkspace } from "./support/workspace.ts";

// The page in Chromium, before it the Worker as it runs, and in the place of the app on the phone this test.

const PASSWORD = "correct horse battery";
const DESKTOP: BrowserContextOptions = { viewport: { width: 1280, height: 800 }, locale: "en-GB" };
const PHONE: BrowserContextOptions = {
  ...{ viewport: { width: 360, height: 640 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true },
  ...{ colorScheme: "dark", locale: "ru-RU" },
};
const SIZES = [
  ["a computer, light and in English", DESKTOP, TEXTS.en],
  ["a phone, dark and in Russian", PHONE, TEXTS.ru],
] as const;
const SAID = TEXTS.en.states;

const { directory, remove } = makeWorkspace();
const { publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const PUBLIC_PEM = publicKey.export({ type: "spki", format: "pem" }).toString();
let yardgate: Yardgate;
let line: Line;
let browser: Browser;
let user: string;

beforeAll(async () => {
  const vars = { SESSION_CHANGE_LIMIT: "4", SESSION_SLEEP_TIMEOUT: "2", SESSION_PAUSED_TIMEOUT: "6" };
  yardgate = await Yardgate.prepare(directory, () => ({ ...vars, PUBLIC_URL: url("") }));
  line = await Line.to(yardgate.port);
  [browser] = await Promise.all([startChromium(), yardgate.start()]);
  user = await newUser("+79161250001");
});

afterAll(async () => {
  try {
    await browser?.close();
  } finally {
    line?.close();
    await yardgate?.crash();
    remove();
  }
});

const url = (path: string) => `http://127.0.0.1:${line.port}${path}`;

async function newUser(phone_number: string): Promise<string> {
  const headers = { "content-type": "application/json", authorization: `Bearer ${INTEGRATION_TOKEN}` };
  const body = JSON.stringify({ phone_number, password: PASSWORD });
  const response = await fetch(`${yardgate.url}/v2/users`, { method: "POST", headers, body });
  expect(response.status).toBe(201);
  return ((await response.json()) as { id: string }).id;
}

/** Opens the page in a window of its own, which is closed whatever becomes of the test. */
async function watch(options: BrowserContextOptions, of: string | undefined, see: (window: Window) => Promise<void>) {
  const window = await openWindow(browser, options);
  try {
    await window.page.goto(url(`/gateway/sync${of === undefined ? "" : `?user=${encodeURIComponent(of)}`}`));
    await see(window);
  } finally {
    await window.close();
  }
}

/** Waits until the page says so. */
async function hears({ page }: Window, state: string | undefined): Promise<void> {
  const status = page.getByRole("status");
  await eventually(`the page to say: ${state}`, async () => (await status.textContent()) === state);
}

/** The URLs that were shown, in order. */
const shownTo = ({ frames }: Window): string[] =>
  frames.filter((frame) => frame.startsWith("{")).map((frame) => JSON.parse(frame).qr_url);

const isCodeSeen = ({ page }: Window): Promise<boolean> => page.locator("#code").isVisible();

/** Waits until the screen shows the code of the URL that came last, module by module, and returns that URL. */
const seesCode = (window: Window): Promise<string> =>
  eventually("the code of the last URL", async () => {
    const last = shownTo(window).at(-1);
    if (!last || !(await isCodeSeen(window))) return undefined;
    const { size, data } = encode(last, { ecc: "M", border: 4 });
    const seen = await modulesOf(window, "#code", size);
    return JSON.stringify(seen) === JSON.stringify(data) && last;
  });

const isWiderThanTheWindow = ({ page }: Window): Promise<boolean> =>
  page.evaluate("document.documentElement.scrollWidth > window.innerWidth");

const post = (to: string, body: object) =>
  fetch(to, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });

interface Handshake {
  /** Where the password is to be said. */
  verification: string;
  /** What it is to be encrypted with. */
  key: string;
}

/** What the app does: it scans the code that is seen, which another may just have taken the place of. */
const scan = (window: Window): Promise<Handshake> =>
  eventually("a code to be taken", async () => {
    const response = await post(await seesCode(window), { public_key: PUBLIC_PEM });
    if (!response.ok) return undefined;
    const { verification_url, public_key } = (await response.json()) as Record<string, string>;
    return { verification: url(verification_url!), key: public_key! };
  });

const say = (password: string, { verification, key }: Handshake) =>
  post(verification, { password: rsaSeal(createPublicKey(key), password, { label: "sha256", mgf1: "sha1" }) });

test.each(SIZES)(
  "on %s the codes come one after the other, and a scan, then the password, are followed",
  async (_, size, texts) => {
    await watch(size, user, async (window) => {
      const first = await seesCode(window);
      expect(await isWiderThanTheWindow(window)).toBe(false);
      await eventually("another code", async () => (await seesCode(window)) !== first);
      await hears(window, texts.states.scan);

      const handshake = await scan(window);
      await hears(window, texts.states.paused);
      expect(await isCodeSeen(window)).toBe(false);
      expect(await isWiderThanTheWindow(window)).toBe(false);

      expect((await say(PASSWORD, handshake)).status).toBe(200);
      await hears(window, texts.states.done);
      expect(await isCodeSeen(window)).toBe(false);
      expect(window.frames.slice(-2)).toEqual(["201- pause", "200- ack"]);
      expect(window.problems).toEqual([]);
    });
  },
);

test.each(SIZES)("on %s the time is over when nobody scans, and the keyboard begins anew", async (_, size, texts) => {
  await watch(size, user, async (window) => {
    const { page } = window;
    await seesCode(window);
    await hears(window, texts.states.timeout);
    expect(shownTo(window)).toHaveLength(4);
    expect(await isCodeSeen(window)).toBe(false);
    expect(await isWiderThanTheWindow(window)).toBe(false);

    await page.keyboard.press("Tab");
    expect(await page.locator(":focus-visible").textContent()).toBe(texts.again);
    await page.keyboard.press("Enter");
    const code = await seesCode(window);
    expect(shownTo(window).indexOf(code)).toBeGreaterThanOrEqual(4);
    expect(window.problems).toEqual([]);
  });
});

test("a scan without a password is told from no scan", async () => {
  await watch(DESKTOP, user, async (window) => {
    await scan(window);
    await hears(window, SAID.paused);
    await hears(window, SAID.unanswered);
    expect(window.problems).toEqual([]);
  });
});

test("five wrong passwords end the session, and the page says why", async () => {
  await watch(DESKTOP, await newUser("+79161250002"), async (window) => {
    const handshake = await scan(window);
    for (const tried of ["1", "2", "3", "4", "5"]) expect((await say(`wrong ${tried}`, handshake)).status).toBe(401);
    await hears(window, SAID.locked);
    expect(window.problems).toEqual([]);
  });
});

/** The page gets this websocket instead of one of its own. */
const hand = ({ page }: Window, socket: string) =>
  page.route("**/v2/sync/users/*", (route) => route.fulfill({ body: socket, contentType: "text/plain" }));

test("a session that nobody has made is not valid, and another may be begun", async () => {
  await watch(DESKTOP, undefined, async (window) => {
    const { page } = window;
    await hand(window, `${url("").replace("http", "ws")}/v2/sync/init/${user}/${"0".repeat(32)}`);
    await page.goto(url(`/gateway/sync?user=${user}`));
    await hears(window, SAID.refused);
    await page.unroute("**/v2/sync/users/*");
    await page.getByRole("button", { name: TEXTS.en.again }).click();
    await seesCode(window);
    expect(window.problems).toEqual([]);
  });
});

test("a session that somebody else looks at is told", async () => {
  await watch(DESKTOP, undefined, async (window) => {
    const socket = await (await fetch(url(`/v2/sync/users/${user}`))).text();
    const other = new WebSocket(socket);
    try {
      await new Promise((resolve) => other.addEventListener("message", resolve));
      await hand(window, socket);
      await window.page.goto(url(`/gateway/sync?user=${user}`));
      await hears(window, SAID.taken);
      expect(window.problems).toEqual([]);
    } finally {
      other.close();
    }
  });
});

test("a line that is cut is connected again, and the session goes on", async () => {
  await watch(DESKTOP, user, async (window) => {
    await seesCode(window);
    line.cut();
    await hears(window, SAID.lost);
    expect(await isCodeSeen(window)).toBe(false);
    line.mend();
    const handshake = await scan(window);
    await hears(window, SAID.paused);
    line.cut();
    await hears(window, SAID.lost);
    line.mend();
    await hears(window, SAID.paused);
    expect((await say(PASSWORD, handshake)).status).toBe(200);
    await hears(window, SAID.done);
  });
});

test("a line that stays cut is given up", async () => {
  await watch(DESKTOP, undefined, async (window) => {
    const { page } = window;
    await page.clock.install();
    await page.goto(url(`/gateway/sync?user=${user}`));
    await seesCode(window);
    try {
      line.cut();
      const again = page.getByRole("button", { name: TEXTS.en.again });
      await eventually("the end of the attempts", async () => {
        await page.clock.fastForward(8_000);
        return again.isVisible();
      });
      await hears(window, SAID.offline);
      await again.click();
      await hears(window, SAID.offline);
    } finally {
      line.mend();
    }
    await page.getByRole("button", { name: TEXTS.en.again }).click();
    await seesCode(window);
  });
});

test.each(SIZES)("on %s whoever comes without an id is asked for it", async (_, size, texts) => {
  await watch(size, undefined, async (window) => {
    const { page } = window;
    await hears(window, texts.states.ask);
    expect(await isWiderThanTheWindow(window)).toBe(false);
    await page.getByLabel(texts.user).focus();
    await page.keyboard.type(user);
    await page.keyboard.press("Enter");
    await seesCode(window);
    expect(page.url()).toBe(url(`/gateway/sync?user=${user}`));
    expect(window.problems).toEqual([]);
  });
});

test("whatever an id is made of, it is shown as it stands and nothing of it runs", async () => {
  const hostile = `"><img src=x onerror=alert(1)><script>alert(2)</script>&lt;`;
  await watch(PHONE, hostile, async (window) => {
    await hears(window, TEXTS.ru.states.unknown); // for its slash
    expect(await window.page.getByLabel(TEXTS.ru.user).inputValue()).toBe(hostile);
  });
  const seen = hostile.replaceAll("/", "");
  await watch(PHONE, seen, async (window) => {
    expect(await seesCode(window)).toContain(encodeURIComponent(seen));
    expect(await window.page.locator("#user").textContent()).toBe(seen);
    expect(await isWiderThanTheWindow(window)).toBe(false);
    expect(window.problems).toEqual([]);
  });
});

test("a phone is offered the link to its app, a computer is not", async () => {
  const link = ({ page }: Window) => page.getByRole("link");
  await watch(PHONE, user, async (window) => {
    const code = await seesCode(window);
    expect(await link(window).getAttribute("href")).toBe(code.replace("http://", "app://"));
    expect(await link(window).textContent()).toBe(TEXTS.ru.open);
  });
  await watch(DESKTOP, user, async (window) => {
    await seesCode(window);
    expect(await link(window).count()).toBe(0);
  });
});

test("a screen reader hears what the page is about and how it stands", async () => {
  await watch(DESKTOP, user, async (window) => {
    await seesCode(window);
    expect(await window.page.locator("main").ariaSnapshot()).toBe(
      [
        `- main:`,
        `  - heading "${TEXTS.en.title}" [level=1]`,
        `  - paragraph: ${user}`,
        `  - img "${TEXTS.en.code}"`,
        `  - status: ${SAID.scan}`,
      ].join("\n"),
    );
  });
});
