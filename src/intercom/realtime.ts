import { Hono } from "hono";
import type { AppEnv } from "#platform/http.ts";
import { isAskedFor, KINDS, lineOf, objectOf } from "./realtime-objects.ts";
import { sipAccount, sipAccounts } from "./sip-accounts.ts";
import { describe, formOf } from "./wire.ts";

/** POST /asterisk/{aors,auths,endpoints}/…: SIP accounts as Asterisk's res_config_curl asks for them, form in and lines out. */
export const realtime = new Hono<AppEnv>();

/** What res_config_curl reads as "not done". An empty answer it would read past its end. */
const REFUSED = "-1\n";

for (const kind of KINDS) {
  realtime.post(`/asterisk/${kind}/single`, describe(`One of the SIP ${kind}, by number`), async (c) => {
    const id = (await formOf(c)).get("id") ?? "";
    const account = await sipAccount(c.env, id);
    const object = account && objectOf(kind, account);
    return c.html(object ? lineOf(object) : "");
  });

  realtime.post(`/asterisk/${kind}/multi`, describe(`The SIP ${kind} of all panels and monitors`), async (c) => {
    const form = await formOf(c);
    const accounts = await sipAccounts(c.env);
    const objects = accounts.map((account) => objectOf(kind, account)).filter((object) => object !== undefined);
    const asked = objects.filter((object) => isAskedFor(object, form));
    return c.html(asked.map((object) => `${lineOf(object)}\n`).join(""));
  });

  // Which columns there must be: whatever Asterisk needs is there.
  realtime.post(`/asterisk/${kind}/require`, describe(`Whether SIP ${kind} have these columns`), (c) => c.html("0\n"));

  for (const change of ["store", "update", "destroy"]) {
    realtime.post(`/asterisk/${kind}/${change}`, describe(`SIP ${kind} are not changed from here`), (c) =>
      c.html(REFUSED),
    );
  }
}
