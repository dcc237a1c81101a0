import { env } from "cloudflare:test";
import { beforeAll, expect, test } from "vitest";
import { callPictureHash } from "#premises/log/call-pictures.ts";
import { liveLink } from "#premises/log/pictures.ts";
import { call, mobile } from "../support/world.ts";
import { METHODS } from "./app-methods.ts";
import { CALLS, type Call, DROPPED } from "./integration-calls.ts";
import { aWorld, type World } from "./world.ts";

// What media servers, billing, the PBX, panels and banks call, row by row of the old server's table.

let world: World;
beforeAll(async () => {
  world = await aWorld("android");
}, 60_000);

test.each(CALLS)("row $row: $path is answered as its caller needs it", async (asked) => {
  const response = await send(asked);
  const text = await response.text();
  expect([asked.path, response.status, text]).toEqual([asked.path, asked.status ?? 200, text]);
  if (asked.text) expect(text).toMatch(asked.text);
  if (!asked.data) return;
  const problems = asked.data
    .safeParse(JSON.parse(text))
    .error?.issues.map(({ path, message }) => `${path.join(".")}: ${message}`);
  expect([asked.path, problems ?? [], text]).toEqual([asked.path, [], text]);
});

function send({ path, method = "POST", as, json, form, query }: Call): Promise<Response> {
  const authorization = {
    anybody: undefined,
    operator: `Bearer ${env.INTEGRATION_TOKEN}`,
    controller: `Basic ${btoa(`${world.env.Z5R_USER}:${world.env.Z5R_PASS}`)}`,
  }[as];
  const search = query ? `?${new URLSearchParams(query(world))}` : "";
  const headers = {
    ...(authorization && { authorization }),
    "content-type": form ? "application/x-www-form-urlencoded" : "application/json",
  };
  const body = form ? new URLSearchParams(form(world)).toString() : json && JSON.stringify(json(world));
  return call(
    `${path}${search}`,
    { method, headers, ...(body !== undefined && method === "POST" && { body }) },
    world.env,
  );
}

test("row 91: the live picture of a camera is an image, for whoever has its link", async () => {
  const { pathname, search } = new URL(liveLink(world.env, world.stream));
  const response = await call(pathname + search, {}, world.env);
  expect([response.status, response.headers.get("content-type")]).toEqual([200, "image/jpeg"]);
  expect(new Uint8Array(await response.arrayBuffer()).slice(0, 2)).toEqual(Uint8Array.of(0xff, 0xd8));
});

test.each(["call/live", "call/camshot"])("%s is an image, for whoever rings", async (path) => {
  const hash = callPictureHash(world.env, world.camera, new Date(Date.now() + 180_000));
  for (const base of ["/api", "/mobile"]) {
    const response = await call(`${base}/${path}/${hash}`, {}, world.env);
    expect([response.status, response.headers.get("content-type")]).toEqual([200, "image/jpeg"]);
    expect((await call(`${base}/${path}/${hash}x`, {}, world.env)).status).toBe(403);
  }
});

test("cctv/download gives what recDownload has said, whole or in part, and the apps can tell its name", async () => {
  const asked = await mobile("cctv/recDownload", { id: world.fragment }, { token: world.token, env: world.env });
  const link = new URL((await asked.json<{ data: string }>()).data);
  expect(link.pathname).toMatch(/\/[a-z0-9_-]+\.mp4$/i);
  const whole = await call(link.pathname + link.search, {}, world.env);
  expect([whole.status, await whole.text()]).toEqual([200, "mp4!"]);
  const part = await call(link.pathname + link.search, { headers: { range: "bytes=1-2" } }, world.env);
  expect([part.status, await part.text()]).toEqual([206, "p4"]);
});

test("every row of the old server's table is called here or is dropped with a reason", () => {
  const rows = [...METHODS.flatMap(({ row }) => row ?? []), ...CALLS.map(({ row }) => row), ...DROPPED.keys(), 91];
  expect(rows.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 132 }, (_, n) => n + 1));
});

test("builds of the apps for several operators find this one", async () => {
  const list = await call("/api/providers.json");
  const { data } = await list.json<{ data: Record<string, unknown>[] }>();
  expect(data).toEqual([{ id: "main", name: "main", baseUrl: "https://api.example.net/api", order: 1 }]);
});
