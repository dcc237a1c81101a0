import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { CHROMIUM } from "./packages.ts";

/** A window of the real Chromium, and what it has complained about. */
export interface Window {
  page: Page;
  /** Errors and warnings of the console, violations of the policy among them, exceptions, requests that failed. */
  problems: string[];
  /** What its websockets have received, in order. */
  frames: string[];
  /** An empty page in a window beside it, in which pictures of this one are read: it is never in front of it. */
  reader: Page;
  close(): Promise<void>;
}

/** Root may not use Chromium's own sandbox; nothing but our pages is opened. */
export const startChromium = (): Promise<Browser> =>
  chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] });

/** A new window with cookies and a history of its own. */
export async function openWindow(browser: Browser, options: BrowserContextOptions): Promise<Window> {
  const contexts = await Promise.all([browser.newContext(options), browser.newContext()]);
  const [page, reader] = (await Promise.all(contexts.map((context) => context.newPage()))) as [Page, Page];
  const close = async () => {
    await Promise.all(contexts.map((context) => context.close()));
  };
  const window: Window = { page, reader, close, problems: [], frames: [] };
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) window.problems.push(message.text());
  });
  page.on("pageerror", ({ message }) => window.problems.push(message));
  page.on("requestfailed", (request) => window.problems.push(`${request.url()} ${request.failure()?.errorText}`));
  page.on("dialog", (dialog) => window.problems.push(`dialog ${dialog.message()}`));
  page.on("websocket", (socket) => socket.on("framereceived", ({ payload }) => window.frames.push(payload.toString())));
  return window;
}

/** What a square of `size` modules looks like on the screen: the row of each, true where the middle of a module is dark. */
export async function modulesOf({ page, reader }: Window, selector: string, size: number): Promise<boolean[][]> {
  const clip = await page.locator(selector).boundingBox();
  if (!clip) throw new Error(`${selector} is not seen`);
  const png = (await page.screenshot({ clip, animations: "allow" })).toString("base64");
  return reader.evaluate(`(${READ_MODULES})("data:image/png;base64,${png}", ${size})`);
}

const READ_MODULES = `async (url, size) => {
  const picture = await createImageBitmap(await (await fetch(url)).blob());
  const pen = new OffscreenCanvas(picture.width, picture.height).getContext("2d");
  pen.drawImage(picture, 0, 0);
  const isDark = (x, y) => {
    const at = (module) => Math.floor(((module + 0.5) * picture.width) / size);
    const [red, green, blue] = pen.getImageData(at(x), at(y), 1, 1).data;
    return red + green + blue < 384;
  };
  const modules = [...Array(size).keys()];
  return modules.map((y) => modules.map((x) => isDark(x, y)));
}`;
