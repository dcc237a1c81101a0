import { expect, test } from "vitest";
import { digestAuthorization } from "#platform/digest-auth.ts";
import { hostAllowed } from "#platform/outbound.ts";

test.each([
  ["https://panel.example.net/x", ["panel.example.net"], true],
  ["https://PANEL.example.net./x", ["panel.example.net"], true],
  ["https://other.example.net/x", ["panel.example.net"], false],
  ["https://a.tunnel.example.net/x", ["*.tunnel.example.net"], true],
  ["https://tunnel.example.net/x", ["*.tunnel.example.net"], false],
  ["https://evil-tunnel.example.net/x", ["*.tunnel.example.net"], false],
  ["https://anything.example.org/x", ["*"], true],
  ["https://192.0.2.10/x", ["*"], true],
  ["http://10.1.2.3/x", ["*"], false],
  ["http://10.1.2.3/x", ["10.0.0.0/8"], true],
  ["http://10.1.2.3/x", ["10.1.2.3"], true],
  ["http://192.168.0.1/x", ["10.0.0.0/8"], false],
  ["http://127.0.0.1/x", ["*"], false],
  ["http://2130706433/x", ["*"], false],
  ["http://0x7f.1/x", ["*"], false],
  ["http://169.254.169.254/latest", ["*"], false],
  ["http://[::1]/x", ["*"], false],
  ["http://[::ffff:10.0.0.1]/x", ["*"], false],
  ["http://localhost/x", ["*"], false],
  ["http://intercom/x", ["*"], false],
  ["http://printer.local/x", ["*"], false],
  ["ftp://panel.example.net/x", ["panel.example.net"], false],
  ["http://panel.example.net@127.0.0.1/x", ["panel.example.net"], false],
  ["https://panel.example.net/x", [], false],
])("%s with %j listed is allowed: %s", (url, allowed, expected) => {
  expect(hostAllowed(new URL(url), allowed, false)).toBe(expected);
});

test("in development the own machine is allowed, and still no other", () => {
  expect(hostAllowed(new URL("http://127.0.0.1:8081/"), [], true)).toBe(true);
  expect(hostAllowed(new URL("http://10.0.0.1/"), [], true)).toBe(false);
});

const call = {
  method: "GET",
  url: new URL("http://panel/dir/index.html?a=1"),
  user: "Mufasa",
  password: "Circle of Life",
};
const field = (header: string, name: string) => new RegExp(`${name}="?([^",]*)`).exec(header)?.[1];

test("the older Digest without qop gives the answer of RFC 2069", () => {
  const header = digestAuthorization(
    'Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc"',
    {
      ...call,
      url: new URL("http://panel/dir/index.html"),
      password: "CircleOfLife",
    },
  )!;
  expect(field(header, "response")).toBe("1949323746fe6a43ef61f9606e7febea");
  expect(field(header, "opaque")).toBe("5ccc");
});

test.each(["MD5", "SHA-256"])(
  "a challenge with %s and qop=auth is answered with a counter and a nonce of our own",
  (algorithm) => {
    const header = digestAuthorization(
      `Basic realm="x", Digest realm="panel", nonce="n", qop="auth,auth-int", algorithm=${algorithm}`,
      call,
    )!;
    expect(field(header, "qop")).toBe("auth");
    expect(field(header, "nc")).toBe("00000001");
    expect(field(header, "uri")).toBe("/dir/index.html?a=1");
    expect(field(header, "cnonce")).toMatch(/^[0-9a-f]{16}$/);
    expect(field(header, "response")).toMatch(algorithm === "MD5" ? /^[0-9a-f]{32}$/ : /^[0-9a-f]{64}$/);
  },
);

test.each([
  'Basic realm="x"',
  'Digest realm="x"',
  'Digest realm="x", nonce="n", qop="auth-int"',
  'Digest realm="x", nonce="n", algorithm=MD5-sess',
  "",
])("the challenge %s is none that we can answer", (challenge) => {
  expect(digestAuthorization(challenge, call)).toBeUndefined();
});

test("an endless challenge is not looked through", () => {
  const started = performance.now();
  expect(digestAuthorization(`Digest ${"a".repeat(200_000)}`, call)).toBeUndefined();
  expect(performance.now() - started).toBeLessThan(100);
});
