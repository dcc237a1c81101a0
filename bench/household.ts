import { createHash } from "node:crypto";
import { ask, firstAdmin } from "../test/e2e/support/shield.ts";
import type { Kannel } from "./kannel.ts";
import { aPhone } from "./world.ts";

const MEMBERS = 50;
const CONTROLLERS = 20;
const POLICIES = 500;
const PASSWORD = "seventeen quiet lamps";

export interface Household {
  client: string;
  /** `id:secret` of a service that asks about rights and tokens. */
  service: string;
  cookie: string;
  domain: string;
  owner: { phone: string; password: string; access: string; refresh: string };
  members: string[];
  controllers: string[];
}

/** A full domain: fifty people, twenty controllers and five hundred rights, all made through the worker's own API. */
export async function aHousehold(url: URL, kannel: Kannel): Promise<Household> {
  const shield = (path: string) => new URL(`/shield/v1${path}`, url).href;
  const ops = (path: string) => new URL(`/ops/v1${path}`, url).href;
  const must = async (status: number, ...asked: Parameters<typeof ask>) => {
    const answer = await ask(...asked);
    if (answer.status !== status)
      throw new Error(`${asked[0]} answered ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body;
  };
  const cookie = await firstAdmin(url.origin);
  const app = { operator: "main", name: "App", app_type: "mobile", kind: "public", first_party: true };
  const { id: client } = await must(201, ops("/clients"), { ...app, methods: ["password", "sms"] }, { cookie });
  const scopes = ["access", "introspect", "resources", "policies"];
  const made = await must(
    201,
    ops("/clients"),
    { ...app, first_party: false, kind: "confidential", scopes },
    { cookie },
  );

  const join = async () => {
    const phone = aPhone();
    const login = { type: "phone", value: `+${phone}` };
    const { challenge_id } = await must(202, shield("/accounts"), { client_id: client, login, password: PASSWORD });
    const proof = { client_id: client, login, challenge_id, code: await kannel.code(phone) };
    const { account } = await must(200, shield("/accounts/activate"), proof);
    const credentials = { client_id: client, method: "password", login: login.value, password: PASSWORD };
    const tokens = await must(200, shield("/auth/login"), credentials);
    return { phone, id: account.id as string, token: tokens.access_token as string, refresh: tokens.refresh_token };
  };
  const owner = await join();
  const { id: domain } = await must(201, shield("/domains"), { name: "Дом" }, { token: owner.token });
  const invitation = { to: null, role: "member", max_uses: MEMBERS - 1 };
  const { link } = await must(201, shield(`/domains/${domain}/invitations`), invitation, { token: owner.token });
  const code = new URL(link).pathname.split("/").at(-1);
  const members: string[] = [owner.id];
  while (members.length < MEMBERS) {
    const { id, token } = await join();
    await must(200, shield(`/invitations/${code}/accept`), {}, { token });
    members.push(id);
  }

  const rows = Array.from({ length: CONTROLLERS }, (_, n) => ({
    ...{ serial: `BENCH-${n}`, model: "hub-3", operator: "main" },
    claim_code_hash: createHash("sha256").update(`claim-${n}`).digest("hex"),
  }));
  await must(200, ops("/devices:import"), rows, { cookie });
  const controllers: string[] = [];
  for (const [n, { serial }] of rows.entries()) {
    const claim = { serial, claim_code: `claim-${n}`, domain_id: domain };
    controllers.push((await must(201, shield("/devices/claim"), claim, { token: owner.token })).id);
  }
  for (let n = 0; n < POLICIES; n++) {
    const subject = { type: "account", id: members[n % MEMBERS] };
    const resource = { type: "controller", id: controllers[n % CONTROLLERS] };
    const policy = { domain, subject, resource, actions: ["view", "control"], effect: "allow" };
    await must(201, shield("/policies"), policy, { token: owner.token });
  }
  const { phone, token: access, refresh } = owner;
  const service = `${made.id}:${made.client_secret}`;
  return {
    client,
    service,
    cookie,
    domain,
    owner: { phone, password: PASSWORD, access, refresh },
    members,
    controllers,
  };
}
