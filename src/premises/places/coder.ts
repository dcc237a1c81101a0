import * as z from "zod";
import { type Env, settings } from "#env.ts";
import { database } from "#platform/db.ts";
import { AppError } from "#platform/errors.ts";
import { answerText, call } from "#platform/outbound.ts";
import { fold } from "./fold.ts";
import { anyDevice, deviceAt, firstTown, houseOfStreet, type Point, placesCalled } from "./queries.ts";

const GEOCODER_LIMIT_MS = 3_000;
const GEOCODER_MAX_BYTES = 64 * 1024;
/** More words than any address has. */
const MAX_WORDS = 14;

/**
 * Where an address is, in degrees as text: by our own houses, then by a device at exactly this address, then by the operator's geocoder,
 * then by the street or the town. The apps ask before they send a request and give up without an answer, so an address that
 * nobody knows is where the operator is: its first town, its office, or any of its devices. Throws `not_found` when not even that is known.
 */
export async function locate(env: Env, address: string): Promise<Point> {
  const [db, { OPERATOR, OFFICES }] = [database(env), settings(env)];
  const parts = partsOf(fold(address));
  const [[place], [device], [street], [town], [any]] = await db.batch([
    placesCalled(db, OPERATOR, parts),
    deviceAt(db, OPERATOR, address.trim()),
    houseOfStreet(db, OPERATOR, parts),
    firstTown(db, OPERATOR),
    anyDevice(db, OPERATOR),
  ]);
  const isHouse = place?.kind === "house";
  const exact = pointOf(isHouse ? place : undefined) ?? pointOf(device) ?? (await askGeocoder(env, address));
  const near = exact ?? pointOf(street) ?? pointOf(place) ?? pointOf(town);
  if (near) return near;
  const [office] = OFFICES;
  if (office) return { latitude: String(office.lat), longitude: String(office.lon) };
  const somewhere = pointOf(any);
  if (!somewhere) throw new AppError("not_found", "Nobody knows where this is");
  return somewhere;
}

const pointOf = (row: { latitude: string | null; longitude: string | null } | undefined): Point | undefined =>
  row?.latitude && row.longitude ? { latitude: row.latitude, longitude: row.longitude } : undefined;

/** Every run of words: whatever stands before and behind the part that we know, a region or a flat, is passed over. */
function partsOf(folded: string): string[] {
  const words = folded.split(" ").filter(Boolean).slice(0, MAX_WORDS);
  return words.flatMap((_, from) => words.slice(from).map((__, i) => words.slice(from, from + i + 1).join(" ")));
}

const degrees = z
  .union([z.string(), z.number()])
  .transform(String)
  .pipe(z.string().regex(/^-?\d{1,3}(\.\d{1,20})?$/));
const Found = z.array(z.object({ lat: degrees, lon: degrees }));

/** The first find of a geocoder with Nominatim's search; undefined when it knows nothing or does not answer. */
async function askGeocoder(env: Env, address: string): Promise<Point | undefined> {
  const { GEOCODER_URL } = settings(env);
  if (!GEOCODER_URL) return undefined;
  const url = new URL(GEOCODER_URL);
  url.searchParams.set("q", address);
  url.searchParams.set("format", "jsonv2");
  url.searchParams.set("limit", "1");
  try {
    const headers = { accept: "application/json", "user-agent": "Yardgate" };
    const response = await call(url, { headers, timeLimitMs: GEOCODER_LIMIT_MS });
    const text = await answerText(response, GEOCODER_MAX_BYTES);
    if (!response.ok) throw new AppError("unavailable", `HTTP ${response.status}`);
    const [first] = Found.parse(JSON.parse(text));
    return first && { latitude: first.lat, longitude: first.lon };
  } catch (error) {
    console.warn("geocoder:", error instanceof AppError ? error.message : "makes no sense");
    return undefined;
  }
}
