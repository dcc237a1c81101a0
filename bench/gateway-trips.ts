import type { Ask } from "./round-trips.ts";
import { aGatewayUser, demandSharedKey, handshakeBody, passwordBody } from "./sync-app.ts";
import { aPhone, TOKEN } from "./world.ts";

/** The SMS gateway: phones that relay, people who sync, SMS for the publisher. */
export async function gatewayTrips(url: URL, ask: Ask): Promise<void> {
  await seedTrips(ask);
  await syncTrips(url, ask);
  const authorization = `Bearer ${TOKEN}`;
  const msisdn = `+${aPhone()}`;
  const added = await ask("POST /v3/clients", "/v3/clients", { status: 201, body: { msisdn }, authorization });
  await ask("GET /v3/clients", "/v3/clients?country=Russia&per_page=50");
  await ask("GET /v3/clients/countries", "/v3/clients/countries");
  await ask("POST /v3/clients/{msisdn}/tests", `/v3/clients/${msisdn}/tests`, { method: "POST", authorization });
  await ask("GET /v3/clients/{msisdn}/tests", `/v3/clients/${msisdn}/tests`);

  const sms = { MSISDN: `+${aPhone()}`, text: "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=" };
  await ask("POST /sms/platform/{platform}", "/sms/platform/gmail", { body: sms });
  const key = `Bearer ${(JSON.parse(added) as { key: string }).key}`;
  await ask("POST /sms/platform/{platform}, by a client with a key", "/sms/platform/gmail", {
    body: sms,
    authorization: key,
  });
}

async function seedTrips(ask: Ask): Promise<void> {
  const ping = { IMSI: "624011111111111", MSISDN: `+${aPhone()}`, seed_type: "seed" };
  await ask("POST /seeds/ping, a new seed", "/seeds/ping", { body: ping });
  await ask("POST /seeds/ping", "/seeds/ping", { body: ping });
  await ask("GET /seeds", "/seeds");
  await ask("GET /seeds/{imsi}", `/seeds/${ping.IMSI}`);
}

async function syncTrips(url: URL, ask: Ask): Promise<void> {
  const user = await aGatewayUser(url);
  const socket = await ask("GET /v2/sync/users/{id}", `/v2/sync/users/${user}`);
  const session = `/v2/sync/users/${user}/sessions/${new URL(socket).pathname.split("/").at(-1)}`;
  await ask("sync, handshake", `${session}/handshake`, { body: handshakeBody });
  const [right, wrong] = [await passwordBody(url), await passwordBody(url, "seven loud lamps indeed")];
  await ask("sync, verification with a wrong password", session, { status: 401, body: wrong() });
  const password = right();
  demandSharedKey(await ask("sync, verification", session, { body: password }));
  await ask("sync, the same request once more", session, { body: password });
}
