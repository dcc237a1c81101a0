import { expect, test } from "vitest";
import { call } from "../support/world.ts";

test.each([
  ["GET", "/v2/sync/users/someone/"],
  ["POST", "/v2/nothing"],
  ["GET", "/seeds/a/b"],
  ["POST", "/sms/platform"],
  ["GET", "/gateway/nothing"],
])("%s %s is not there, and the gateway says so in a word", async (method, path) => {
  const answer = await call(path, { method });
  expect([answer.status, await answer.text()]).toEqual([404, "Not Found"]);
  expect(answer.headers.get("content-type")).toBe("text/plain; charset=utf-8");
});

test.each(["/v3/nothing", "/v3/clients/a/b/c", "/v2/users/a/b/c"])(
  "GET %s is not there, and says so in JSON",
  async (path) => {
    const answer = await call(path);
    expect([answer.status, await answer.json()]).toEqual([404, { error: "Not Found" }]);
  },
);
