import { beforeAll, expect, test } from "vitest";
import type { z } from "zod";
import { METHODS, type Method } from "./app-methods.ts";
import { type App, Envelope, nullsIn, send } from "./clients.ts";
import { aWorld, emptyHanded, type World } from "./world.ts";

// The whole contract of the apps, walked call by call, each in its own app's words. It fails on a wrong JSON type, on an
// explicit null, on a 200 that says nothing and on a 204 where an app breaks.

const worlds = new Map<App, World>();
let nobody: { token: string };

beforeAll(async () => {
  for (const app of ["android", "ios", "web"] as const) worlds.set(app, await aWorld(app));
  nobody = await emptyHanded();
}, 60_000);

const inOrder = [...METHODS.filter(({ isLast }) => !isLast), ...METHODS.filter(({ isLast }) => isLast)];
const calls = inOrder.flatMap((method) => method.apps.map((app) => ({ app, path: method.path, method })));

test.each(calls)("$path, called by $app, is answered as it needs it", async ({ app, method }) => {
  const world = worlds.get(app)!;
  const body = method.body?.(world, app);
  const response = await send(
    app,
    { path: method.path, body, token: method.isPublic ? undefined : world.token },
    world.env,
  );
  await check(method, app, response);
});

async function check({ path, data, strict, code, refused }: Method, app: App, response: Response): Promise<void> {
  const text = await response.text();
  if (refused) return expect(Envelope.parse(JSON.parse(text))).toMatchObject({ code: refused });
  if (!data && code === undefined) return expect([path, app, response.status, text]).toEqual([path, app, 204, ""]);
  expect([path, app, response.status, text]).toEqual([path, app, 200, text]);
  const envelope = Envelope.parse(JSON.parse(text));
  expect(envelope.code).toBe(code ?? 200);
  expect(nullsIn(envelope.data)).toEqual([]);
  if (!data) return;
  must(data, envelope.data, `${path} for ${app}`);
  const more = strict?.[app];
  if (more) must(more, envelope.data, `${path} for ${app}`);
}

function must(schema: z.ZodType, value: unknown, what: string): void {
  const problems = schema.safeParse(value).error?.issues.map(({ path, message }) => `${path.join(".")}: ${message}`);
  expect([what, problems ?? [], value]).toEqual([what, [], value]);
}

const withEmpty = calls.filter(({ method }) => method.empty !== undefined && method.empty !== "never");

test.each(withEmpty)(
  "$path, called by $app for somebody who has nothing, is an empty answer that it can read",
  async ({ app, method }) => {
    const body = method.body?.(worlds.get(app)!, app);
    const isOfAHome = body && ("flatId" in body || "houseId" in body || "camId" in body);
    if (isOfAHome) return expect((await send(app, { path: method.path, body, token: nobody.token })).status).toBe(404);
    const response = await send(app, { path: method.path, body, token: nobody.token });
    const text = await response.text();
    const said = response.status === 204 ? "204" : JSON.stringify((JSON.parse(text) as { data?: unknown }).data);
    const allowed = { "204": ["204"], "[]": ["[]"], either: ["204", "[]"], never: [] as string[] }[method.empty!];
    expect([method.path, allowed.includes(said), said]).toEqual([method.path, true, said]);
  },
);

test.each(calls.filter(({ method }) => !method.isPublic))(
  "$path, called by $app without a token, is 422, and with a dead one 401",
  async ({ app, method }) => {
    const body = method.body?.(worlds.get(app)!, app);
    const isOpen = method.path === "pay/register"; // iOS sends no token
    const none = await send(app, { path: method.path, body });
    if (!isOpen) expect(Envelope.parse(await none.json())).toMatchObject({ code: 422 });
    const dead = await send(app, { path: method.path, body, token: "6f1d2c1e-0f0b-4a51-9d0a-3c2b7a1e5f90" });
    if (!isOpen) expect(Envelope.parse(await dead.json())).toMatchObject({ code: 401 });
  },
);
