import { env } from "cloudflare:test";
import fc from "fast-check";
import { expect, test } from "vitest";
import { parseKeyring, sha256 } from "#platform/crypto.ts";
import { type CameraGrant, looksLikeOurs, openGrant, sealGrant, streamKey } from "#premises/camera-token-format.ts";
import {
  depthOf,
  freshGrant,
  grantDigest,
  mintExportToken,
  mintPublishToken,
  mintViewerToken,
  rememberGrant,
  signedGrant,
} from "#premises/camera-tokens.ts";
import { Memo } from "#premises/memo.ts";

const key = (byte: number) => Buffer.alloc(32, byte).toString("base64");
const ring = parseKeyring(JSON.stringify({ k1: key(1) }));
const issuedAt = new Date("2026-11-21T10:00:00.123Z");

const anAudience = (over: object = {}) => ({
  account: 17,
  accountId: "account-17",
  session: "Vn3kq0Zt1c2B",
  contracts: [501, 502],
  streams: [
    { name: "cam-1", recordDays: 7 },
    { name: "cam-2", recordDays: null },
    { name: "cam-3", recordDays: 0 },
  ],
  ...over,
});

const anyNumber = (max: number) => fc.nat({ max });
const anyStreams = fc
  .array(fc.tuple(anyNumber(2 ** 40 - 1), fc.oneof(anyNumber(65_534), fc.constant(Infinity))), { maxLength: 60 })
  .map((pairs) => new Map(pairs.sort(([a], [b]) => a - b)));
const anyTime = fc.record({ issuedAt: anyNumber(4_000_000_000_000), life: anyNumber(2 ** 24 - 1) });
const anyGrant: fc.Arbitrary<CameraGrant> = fc.oneof(
  fc
    .record({
      time: anyTime,
      account: fc.maxSafeNat(),
      session: fc.string({ unit: "grapheme", maxLength: 20 }),
      contracts: fc.array(fc.maxSafeNat(), { maxLength: 20 }).map((uids) => uids.sort((a, b) => a - b)),
      streams: anyStreams,
    })
    .map(({ time, ...rest }) => ({ kind: "viewer" as const, ...times(time), ...rest, window: undefined })),
  fc
    .record({
      time: anyTime,
      account: fc.maxSafeNat(),
      from: anyNumber(2 ** 32 - 1),
      to: anyNumber(2 ** 32 - 1),
      streams: anyStreams,
    })
    .map(({ time, account, from, to, streams }) => ({
      ...{
        kind: "export" as const,
        ...times(time),
        account,
        session: "",
        contracts: [],
        streams,
        window: { from, to },
      },
    })),
  fc.record({ time: anyTime, streams: anyStreams }).map(({ time, streams }) => ({
    ...{ kind: "publish" as const, ...times(time), account: 0, session: "", contracts: [], streams, window: undefined },
  })),
);
const times = ({ issuedAt, life }: { issuedAt: number; life: number }) => ({
  issuedAt,
  expiresAt: issuedAt + life * 1000,
});

test("whatever is sealed comes out again, in the letters of a URL", () => {
  fc.assert(
    fc.property(anyGrant, (grant) => {
      const token = sealGrant(ring, grant);
      expect(token).toMatch(/^[vxp]\.[A-Za-z0-9._-]+$/);
      expect(openGrant(ring, token)).toEqual(grant);
    }),
  );
});

test("a token with any one character changed, added or taken away is nobody's", () => {
  const letters = [..."ABCdef019-_.vxp "];
  fc.assert(
    fc.property(
      anyGrant,
      fc.nat(),
      fc.constantFrom(...letters),
      fc.constantFrom("put", "add", "cut"),
      (grant, n, letter, how) => {
        const token = sealGrant(ring, grant);
        const at = n % token.length;
        const changed = token.slice(0, at) + (how === "cut" ? "" : letter) + token.slice(how === "add" ? at : at + 1);
        fc.pre(changed !== token);
        expect(openGrant(ring, changed)).toBeUndefined();
      },
    ),
    { numRuns: 500 },
  );
});

test("no text at all makes it throw", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: "binary", maxLength: 200 }),
      fc.constantFrom("v.k1.", "x.", "p..", "v.", ""),
      (text, start) => {
        expect(openGrant(ring, start + text)).toBeUndefined();
      },
    ),
    { numRuns: 500 },
  );
});

test("every key of the ring verifies and the first one signs", () => {
  const token = mintViewerToken({ ...env, SIGNING_KEYS: JSON.stringify({ old: key(1) }) }, anAudience(), { issuedAt });
  const both = { ...env, SIGNING_KEYS: JSON.stringify({ new: key(2), old: key(1) }) };
  expect(signedGrant(both, token)?.account).toBe(17);
  expect(mintViewerToken(both, anAudience(), { issuedAt })).toMatch(/^v\.new\./);
  expect(signedGrant({ ...env, SIGNING_KEYS: JSON.stringify({ new: key(2) }) }, token)).toBeNull();
  expect(signedGrant({ ...env, SIGNING_KEYS: JSON.stringify({ old: key(3) }) }, token)).toBeNull();
});

test("the same audience at the same time gets the same token, in whatever order it is told", () => {
  const turned = anAudience({ contracts: [502, 501], streams: [...anAudience().streams].reverse() });
  expect(mintViewerToken(env, turned, { issuedAt })).toBe(mintViewerToken(env, anAudience(), { issuedAt }));
  expect(grantDigest(turned)).toBe(grantDigest(anAudience()));
});

test.each([
  ["another contract", { contracts: [501] }],
  ["another stream", { streams: [{ name: "cam-1", recordDays: 7 }] }],
  ["another depth", { streams: anAudience().streams.map((right) => ({ ...right, recordDays: 7 })) }],
])("%s makes another digest and another token", (_, over) => {
  expect(grantDigest(anAudience(over))).not.toBe(grantDigest(anAudience()));
  expect(mintViewerToken(env, anAudience(over), { issuedAt })).not.toBe(
    mintViewerToken(env, anAudience(), { issuedAt }),
  );
});

test("a viewer token says who, of which session and contracts, which streams and how deep", () => {
  const grant = signedGrant(env, mintViewerToken(env, anAudience(), { issuedAt }))!;
  expect(grant).toMatchObject({ kind: "viewer", account: 17, session: "Vn3kq0Zt1c2B", contracts: [501, 502] });
  expect([grant.issuedAt, grant.expiresAt]).toEqual([issuedAt.getTime(), issuedAt.getTime() + 360 * 60_000]);
  expect(["cam-1", "cam-2", "cam-3", "Cam-1", ""].map((name) => depthOf(grant, name))).toEqual([
    ...[7, Infinity, 0, undefined, undefined],
  ]);
});

test("of a stream named twice the deeper archive counts", () => {
  const streams = [3, 9, 5].map((recordDays) => ({ name: "cam-1", recordDays }));
  const grant = signedGrant(env, mintViewerToken(env, anAudience({ streams }), { issuedAt }))!;
  expect(depthOf(grant, "cam-1")).toBe(9);
});

test("export and publish tokens are of one stream and no session", () => {
  const [from, to] = [new Date(1_700_000_000_000), new Date(1_700_000_600_000)];
  const exported = mintExportToken(env, { account: 17, stream: "cam-1", from, to, lifeSeconds: 600 }, issuedAt);
  expect(signedGrant(env, exported)).toMatchObject({
    ...{ kind: "export", account: 17, session: "", window: { from: 1_700_000_000, to: 1_700_000_600 } },
    streams: new Map([[streamKey("cam-1"), Infinity]]),
  });
  const published = mintPublishToken(env, { stream: "cam-1", lifeSeconds: 60 }, issuedAt);
  expect(signedGrant(env, published)).toMatchObject({ kind: "publish", expiresAt: issuedAt.getTime() + 60_000 });
});

test("fifty cameras make a token of about 550 characters", () => {
  const streams = Array.from({ length: 50 }, () => ({ name: crypto.randomUUID(), recordDays: 7 }));
  const token = mintViewerToken(env, anAudience({ streams }), { issuedAt });
  expect(token.length).toBeGreaterThan(500);
  expect(token.length).toBeLessThan(580);
  expect(looksLikeOurs(token)).toBe(true);
});

const life = 360 * 60_000;
const minute = 60_000;
test.each([
  ["no token yet", undefined, undefined, true],
  ["half of its life left and a little more", life / 2 - 1, undefined, false],
  ["exactly half of its life left", life / 2, undefined, true],
  ["revoked after it was issued", minute, 0, true],
  ["revoked in the same millisecond", minute, minute, true],
  ["revoked before it was issued", minute, minute + 1, false],
])("%s: a new token is made: %s, %s → %s", (_, issuedAgo, revokedAgo, isNew) => {
  const now = new Date("2026-11-21T16:00:00Z");
  const ago = (ms: number | undefined) => (ms === undefined ? undefined : new Date(now.getTime() - ms));
  const fresh = freshGrant(ago(issuedAgo), ago(revokedAgo), life, now);
  expect(fresh.isNew).toBe(isNew);
  expect(fresh.issuedAt).toEqual(isNew ? new Date(now.getTime() + (revokedAgo === 0 ? 1 : 0)) : ago(issuedAgo));
});

test("a remembered grant stands in D1 by session and digest, and in KV by the token's hash", async () => {
  const audience = anAudience({ session: crypto.randomUUID() });
  const now = new Date();
  const token = mintViewerToken(env, audience, { issuedAt: now });
  await rememberGrant(env, audience, token, now);
  await rememberGrant(env, audience, token, now);
  const rows = await env.DB.prepare("SELECT * FROM camera_grants WHERE session_id = ?").bind(audience.session).all();
  expect(rows.results).toMatchObject([
    {
      digest: grantDigest(audience),
      contracts: "[501,502]",
      issued_at: now.getTime(),
      expires_at: now.getTime() + life,
    },
  ]);
  const entry = await env.TOKENS.get<{ session: string }>(`camera:${sha256(token)}`, "json");
  expect(entry?.session).toBe(audience.session);
});

test("a memo keeps what is asked for and never more than twice its size", () => {
  const memo = new Memo<number>(10);
  memo.set("kept", 1);
  for (let n = 0; n < 1000; n++) {
    memo.set(`flood ${n}`, n);
    expect(memo.get("kept")).toBe(1);
  }
  expect(memo.get("flood 1")).toBeUndefined();
});
