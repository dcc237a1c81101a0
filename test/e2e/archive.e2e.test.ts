import { createHash } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "./support/eventually.ts";
import { MediaServer } from "./support/media.ts";
import { Yardgate } from "./support/server.ts";
import { makeWorkspace } from "./support/workspace.ts";

// A resident has stretches of archive made into files: from a media server that asks us whether it may give them, through the
// running Worker into its R2, and down again by a link.

const [PHONE, STRANGER] = ["79161260001", "79161260002"];
const ZONE_HOURS = 3; // Europe/Moscow, the default
const SECONDS = 60;

let yardgate: Yardgate;
let media: MediaServer;
let workspace: ReturnType<typeof makeWorkspace>;
let bearer: string;
let stranger: string;
let camera: { id: number; url: string; token: string };

beforeAll(async () => {
  workspace = makeWorkspace();
  const { directory } = workspace;
  yardgate = await Yardgate.prepare(directory, () => ({ SMS_TRANSPORT: "log", PUBLIC_URL: yardgate.url }));
  await yardgate.start();
  media = await MediaServer.start({ directory, calloutUrl: `${yardgate.url}/api/accessfl` });
  const device = { device_type: 1, title: "Подъезд 2", url: media.url, is_active: true, record_days: 7 };
  const { device_id } = await yardgate.billing("devices_add", device);
  for (const [uid, phone] of [[801, PHONE] as const, [802, STRANGER] as const])
    await yardgate.billing("users/clients/create", {
      uid,
      login: `${uid}`,
      address: `д. 1 кв. ${uid}`,
      phones: [phone],
    });
  await yardgate.billing("rights_add", { uid: 801, device_id });
  bearer = await signIn(PHONE);
  stranger = await signIn(STRANGER);
  camera = (await yardgate.api("cctv/all", {}, bearer)).data[0];
});

afterAll(async () => {
  await media?.crash();
  await yardgate?.crash();
  workspace?.remove();
});

async function signIn(phone: string): Promise<string> {
  await yardgate.api("user/requestCode", { userPhone: phone });
  const printed = () => new RegExp(`"to":"${phone}","text":"[^"]*?(\\d{4})`).exec(yardgate.output())?.[1];
  const smsCode = await eventually(`the code for ${phone}`, printed);
  return (await yardgate.api("user/confirmCode", { userPhone: phone, smsCode })).data.accessToken;
}

interface Recorded {
  film: Buffer;
  /** What the app asks for. */
  request: { id: number; from: string; to: string };
}

/** A minute of archive that began so many minutes ago. */
function record(minutesAgo: number): Recorded {
  const from = Math.floor(Date.now() / 60_000) * 60 - minutesAgo * 60;
  const film = media.addArchive(new URL(camera.url).pathname.slice(1), from, SECONDS);
  const local = (at: number) => new Date((at + ZONE_HOURS * 3600) * 1000).toISOString().slice(0, 19).replace("T", " ");
  return { film, request: { id: camera.id, from: local(from), to: local(from + SECONDS) } };
}

const digest = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
const bytesOf = async (response: Response) => Buffer.from(await response.arrayBuffer());

/** Asks as the apps do, until there is a link. */
const linkTo = (id: number) =>
  eventually(
    "the link",
    async () => {
      const { status, data } = await yardgate.api("cctv/recDownload", { id }, bearer);
      if (status !== 200 && status !== 204) throw new Error(`recDownload answered ${status}`);
      return status === 200 && (data as string);
    },
    { withinMs: 100_000, everyMs: 300 },
  );

const partsOf = (id: number) =>
  JSON.parse(String(yardgate.rows("SELECT parts FROM fragments WHERE id = ?", id)[0]!.parts));

test("the archive is listed, and is made into a file that comes down byte for byte", async () => {
  const { film, request } = record(30);
  expect(film.byteLength).toBeGreaterThan(2 * 8 * 1024 * 1024); // so that there are several parts
  const ranges = await yardgate.api("cctv/ranges", { cameraId: camera.id }, bearer);
  expect(ranges.data).toEqual([
    { stream: new URL(camera.url).pathname.slice(1), ranges: [{ from: expect.any(Number), duration: SECONDS }] },
  ]);

  const { data: id } = await yardgate.api("cctv/recPrepare", request, bearer);
  expect(id).toEqual(expect.any(Number));
  const link = await linkTo(id);
  expect(link).toMatch(/\/podezd_2_[\d_-]+\.mp4$/);
  const file = await fetch(link);
  expect([file.status, file.headers.get("content-type")]).toEqual([200, "video/mp4"]);
  expect(digest(await bytesOf(file))).toBe(digest(film));

  const part = await fetch(link, { headers: { range: "bytes=9000000-9000999" } });
  expect(part.status).toBe(206);
  expect(digest(await bytesOf(part))).toBe(digest(film.subarray(9_000_000, 9_001_000)));
  const head = await fetch(link, { method: "HEAD" });
  expect(head.headers.get("content-length")).toBe(String(film.byteLength));

  expect((await yardgate.api("cctv/recPrepare", request, bearer)).data).toBe(id);
  expect((await yardgate.api("cctv/recDownload", { id }, stranger)).status).toBe(404);
  expect((await yardgate.api("cctv/recPrepare", request, stranger)).status).toBe(404);
  expect((await fetch(link.replace(/\/podezd/, "x/podezd"))).status).toBe(403);
  expect((await fetch(link.replace(`/${id}/`, `/${id + 1}/`))).status).toBe(403);
  const [message] = yardgate.rows("SELECT link FROM inbox_messages WHERE phone = ? AND action = 'videoReady'", PHONE);
  expect(digest(await bytesOf(await fetch(String(message!.link))))).toBe(digest(film));
});

test("nobody gets the export from the media server without a token for it, nor with a viewer's of another camera", async () => {
  const { request } = record(40);
  const from = Date.parse(`${request.from.replace(" ", "T")}Z`) / 1000 - ZONE_HOURS * 3600;
  const url = `${camera.url}/archive-${from}-${SECONDS}.mp4`;
  expect((await fetch(url)).status).toBe(403);
  expect((await fetch(`${url}?token=100${camera.token}`)).status).toBe(403);
});

test("a media server that crashes in the middle is asked for the rest when it is back", async () => {
  const { film, request } = record(50);
  const { data: id } = await yardgate.api("cctv/recPrepare", request, bearer);
  await eventually("the first part", () => partsOf(id).length > 0);
  await media.crash();
  await media.restart();
  expect(digest(await bytesOf(await fetch(await linkTo(id))))).toBe(digest(film));
  expect(media.downloads.at(-1)).toMatch(/^206 bytes=(8388608|16777216|25165824)-$/);
});

test("a Worker that is killed in the middle goes on when it is started again", async () => {
  const { film, request } = record(55);
  const { data: id } = await yardgate.api("cctv/recPrepare", request, bearer);
  await eventually("the first part", () => partsOf(id).length > 0);
  await yardgate.crash();
  expect(yardgate.rows("SELECT state FROM fragments WHERE id = ?", id)).toEqual([{ state: "loading" }]);
  await yardgate.start();
  const link = await eventually(
    "the link",
    async () => {
      await yardgate.cron();
      const { data } = await yardgate.api("cctv/recDownload", { id }, bearer);
      return data as string | undefined;
    },
    { withinMs: 180_000, everyMs: 2_000 },
  );
  expect(digest(await bytesOf(await fetch(link)))).toBe(digest(film));
  expect(media.downloads.at(-1)).toMatch(/^206 bytes=\d+-$/);
}, 300_000);
