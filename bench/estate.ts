import type { Kannel } from "./kannel.ts";
import { aPhone, post, type Resident, signIn, TOKEN } from "./world.ts";

const CONTRACTS = 20;
const EACH = 10;
const EVENTS = 1_000_000;
const EVENTS_AT_ONCE = 50_000;
const DAYS = 180;
const DAY_MS = 86_400_000;

export interface Estate {
  resident: Resident;
  uids: number[];
  /** Of the first contract. */
  camera: number;
  door: number;
  domophone: number;
  phone: string;
}

/** Twenty contracts of one phone with ten cameras, locks and doors each, and a million events in their logs. */
export async function anEstate(url: URL, kannel: Kannel, db: D1Database): Promise<Estate> {
  const bill = <T>(path: string, fields: object) => post<T>(url, `/bill/api/${path}/`, fields, `Bearer ${TOKEN}`);
  const phone = aPhone();
  const uids = Array.from({ length: CONTRACTS }, (_, n) => 700_001 + n);
  const cameras: number[] = [];
  const domophone = 71;
  for (const [n, uid] of uids.entries()) {
    await bill("users/clients/create", {
      uid,
      login: `e${uid}`,
      address: `г. Тула, ул. Мира, д. ${n}`,
      flat: "17",
      phones: [phone],
    });
    const ids: number[] = [];
    for (let each = 0; each < EACH; each++) {
      const camera = { device_type: 1, title: `Камера ${each}`, url: "https://video.example.net", is_active: true };
      const panel = n === 0 && each === 0 ? { domophoneid: domophone, sippassword: "bench", dtmf: 1 } : {};
      const { device_id: cam } = await bill<{ device_id: number }>("devices_add", { ...camera, ...panel });
      const lock = await bill<{ device_id: number }>("devices_add", {
        device_type: 3,
        title: "Замок",
        is_active: true,
      });
      const door = { device_id: lock.device_id, cam, icon: "entrance", name: "Подъезд", open: `${kannel.url}/open` };
      await bill("doors_add", door);
      cameras.push(cam);
      ids.push(cam, lock.device_id);
    }
    await bill("rights_add", { uid, device_id: ids });
  }
  await fillEvents(db, uids, cameras);
  const door = await db.prepare("SELECT id FROM doors WHERE cam = ?").bind(cameras[0]).first<{ id: number }>();
  const resident = await signIn(url, kannel, phone);
  return { resident, uids, camera: cameras[0]!, door: door!.id, domophone, phone };
}

async function fillEvents(db: D1Database, uids: number[], cameras: number[]): Promise<void> {
  const from = Date.now() - DAYS * DAY_MS;
  const step = (DAYS * DAY_MS) / EVENTS;
  for (let start = 0; start < EVENTS; start += EVENTS_AT_ONCE) {
    await db
      .prepare(
        `WITH RECURSIVE n (i) AS (SELECT ?1 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?2)
         INSERT INTO events (operator, id, uid, at, kind, device_id, title)
         SELECT 'main', 'bench-' || i, ?3 + i % ?4, CAST(?5 + i * ?6 AS INTEGER), 1 + i % 7, ?7 + 2 * (i % ?8), 'Подъезд' FROM n`,
      )
      .bind(start, start + EVENTS_AT_ONCE, uids[0], uids.length, from, step, cameras[0], cameras.length)
      .run();
  }
}
