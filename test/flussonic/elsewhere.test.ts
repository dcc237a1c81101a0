import { expect, onTestFinished, test, vi } from "vitest";
import { aViewer, aWorker, call, play, post } from "./media-server.ts";

const PROXYFL = "http://portal.test/auth?key=1";
const viewer = aViewer({ streams: [{ name: "ours", recordDays: null }] });

/** The second auth backend, and what it was asked. */
function aBackend(answer: (request: Request) => Response | Promise<Response>) {
  const asked: Request[] = [];
  const spy = vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => {
    const request = new Request(input, init);
    asked.push(request.clone());
    return answer(request);
  });
  onTestFinished(() => spy.mockRestore());
  return { asked, worker: aWorker({ PROXYFL }) };
}

const yes = () =>
  new Response("<b>yes</b>", {
    headers: {
      ...{ "Content-Type": "text/html", "X-AuthDuration": "77", "X-UserId": "abc", "X-Max-Sessions": "3" },
      ...{ "X-Unique": "true", "Set-Cookie": "a=b", Server: "portal" },
    },
  });

test("a token that is not ours is asked for elsewhere, with every parameter as it came", async () => {
  const { asked, worker } = aBackend(yes);
  const query = "name=a%20b&token=100abc&x=1&x=2&token=other&qs=a%3Db%26c&empty=";
  const told = await call(`/api/accessfl?${query}`, {}, worker);
  expect(asked.map(({ method, url }) => [method, url])).toEqual([["GET", `${PROXYFL}&${query}`]]);
  expect(told).toMatchObject({ status: 200, body: "<b>yes</b>" });
  expect(told.headers).toEqual({
    ...{ "content-type": "text/html", "x-authduration": "77", "x-userid": "abc", "x-max-sessions": "3" },
    "x-unique": "true",
  });
});

test("a POST is asked for elsewhere as the same POST", async () => {
  const { asked, worker } = aBackend(yes);
  const body = JSON.stringify({ name: "theirs", token: "sender", proto: "rtmp", nested: { a: [1] } });
  expect((await post(body, worker)).status).toBe(200);
  expect(asked[0]?.method).toBe("POST");
  expect(await asked[0]?.text()).toBe(body);
});

test("nobody else is asked about a token that opens the stream, or about no token", async () => {
  const { asked, worker } = aBackend(yes);
  expect((await play({ name: "ours", token: viewer.token(worker) }, worker)).status).toBe(200);
  expect((await play({ name: "ours" }, worker)).message).toBe("Нет токена");
  expect(asked).toEqual([]);
});

test("a token of ours for another stream is asked for elsewhere too, as it always was", async () => {
  const { asked, worker } = aBackend(yes);
  expect((await play({ name: "theirs", token: viewer.token(worker) }, worker)).status).toBe(200);
  expect(asked).toHaveLength(1);
});

test.each([
  ["403", () => new Response("no", { status: 403 })],
  ["204", () => new Response(null, { status: 204 })],
  ["302", () => new Response(null, { status: 302, headers: { Location: "http://elsewhere.test" } })],
  ["500", () => new Response("broken", { status: 500 })],
  ["a refused connection", () => Promise.reject(new TypeError("refused"))],
  [
    "a body that breaks off",
    () => new Response(new ReadableStream({ pull: (stream) => stream.error(new Error("broken off")) })),
  ],
])("%s from elsewhere is a no", async (_, answer) => {
  vi.spyOn(console, "error").mockImplementationOnce(() => {});
  const { worker } = aBackend(answer);
  expect(await play({ name: "theirs", token: "100abc" }, worker)).toMatchObject({
    ...{ status: 403, message: "И здесь не верный токен", headers: { "x-authduration": "10" } },
  });
});

test("elsewhere is waited for three seconds", async () => {
  vi.spyOn(console, "error").mockImplementationOnce(() => {});
  const { worker } = aBackend(
    ({ signal }) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
  );
  const start = Date.now();
  expect((await play({ name: "theirs", token: "100abc" }, worker)).status).toBe(403);
  expect(Date.now() - start).toBeGreaterThan(2_900);
  expect(Date.now() - start).toBeLessThan(4_000);
});
