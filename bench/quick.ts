import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { mintViewerToken } from "#premises/camera-tokens.ts";
import { bundle, start } from "./server.ts";
import { saturate, wire } from "./load.ts";
const key = Buffer.alloc(32, 7).toString("base64");
const bindings = { ENVIRONMENT: "development", SMS_TRANSPORT: "log", KANNEL_HOOK_SECRET: "x".repeat(16), INTEGRATION_TOKEN: "x".repeat(16), MASTER_KEY: key, SIGNING_KEYS: key, PEPPERS: key };
const folder = mkdtempSync(join(tmpdir(), "yb-"));
const server = await start(bundle(folder), bundle(folder, "empty-worker.ts"), bindings);
const streams = Array.from({ length: 50 }, () => ({ name: crypto.randomUUID(), recordDays: null as number | null }));
const tokens = Array.from({ length: 100 }, (_, n) => mintViewerToken(bindings as never, { account: n + 1, accountId: "a", session: crypto.randomUUID().slice(0, 12), contracts: [n], streams }, { issuedAt: new Date() }));
const q = (token: string, name: string, n: number) => `/api/accessfl?name=${name}&token=${token}&ip=10.1.2.${n % 250}&proto=hls&request_type=update_session&request_number=${n}&session_id=0b6ff1b5-2ba0-4ab5-8f32-1f5ab8a4fd6c&stream_clients=3&total_clients=120&duration=60&bytes=1234567&user_agent=Mozilla%2F5.0&host=video.example.net`;
const allowed = Array.from({ length: 2000 }, (_, n) => wire("GET", q(tokens[n % 100]!, streams[n % 50]!.name, n)));
const hex = () => Buffer.from(crypto.getRandomValues(new Uint8Array(16))).toString("hex");
const denied = Array.from({ length: 20000 }, (_, n) => wire("GET", q(hex(), streams[n % 50]!.name, n)));
const forged = Array.from({ length: 20000 }, (_, n) => wire("GET", q(tokens[n % 100]!.slice(0, -22) + hex().slice(0, 22), streams[n % 50]!.name, n)));
const t = { empty: [server.empty, allowed, 200], allowed: [server.yardgate, allowed, 200], denied: [server.yardgate, denied, 403], forged: [server.yardgate, forged, 403] } as const;
const res: Record<string, number[]> = {}, cpu: Record<string, number[]> = {};
const C = Number(process.argv[2] ?? 16);
for (let round = 0; round < Number(process.argv[3] ?? 12); round++) for (const [name, [url, reqs, status]] of Object.entries(t)) {
  const c0 = server.cpuSeconds();
  const run = await saturate({ url, request: (n) => reqs[n % reqs.length]!, check: (a) => { if (a.status !== status) throw new Error(`${name} ${a.status} ${a.body}`); }}, { connections: C, seconds: 0.15 });
  (res[name] ??= []).push(run.requests / run.seconds); (cpu[name] ??= []).push((server.cpuSeconds() - c0) / run.requests * 1e6);
}
const med = (l: number[]) => l.toSorted((a, b) => a - b)[l.length >> 1]!;
for (const name of Object.keys(t)) console.log(name, med(res[name]!.slice(2)).toFixed(0), "ratio", med(res[name]!.slice(2).map((r, i) => r / res.empty![i + 2]!)).toFixed(3), "cpu us", med(cpu[name]!.slice(2)).toFixed(1), "cpu ratio", med(cpu[name]!.slice(2).map((r, i) => res.empty && cpu.empty![i + 2]! / r)).toFixed(3));
await server.stop();
