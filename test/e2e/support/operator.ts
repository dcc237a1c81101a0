import { kannelHookUrl } from "#messaging/kannel-hooks.ts";
import { eventually } from "./eventually.ts";
import { Kannel } from "./kannel.ts";
import { freePort } from "./ports.ts";
import { KANNEL_HOOK_SECRET, Yardgate } from "./server.ts";
import { FakeSmsc, type Submitted } from "./smsc.ts";
import { makeWorkspace } from "./workspace.ts";

/** What an operator runs: the Worker, Kannel, and at the far end of Kannel's line an SMSC. */
export interface Operator {
  directory: string;
  yardgate: Yardgate;
  kannel: Kannel;
  smsc: FakeSmsc;
  close(): Promise<void>;
}

const OUR_NUMBER = "YARDGATE";

/**
 * Everything started and connected, apart from Kannel when `withKannel` is false. `between` tells where Kannel brings what people send to us, if
 * not straight to the Worker.
 */
export async function startOperator(
  vars: Record<string, string> = {},
  { withKannel = true, between = (yardgateUrl: string): string => yardgateUrl } = {},
): Promise<Operator> {
  const { directory, remove } = makeWorkspace();
  const smsc = new FakeSmsc(await freePort());
  await smsc.start();
  const yardgate = await Yardgate.prepare(directory, () => ({ ...kannelVars(kannel), ...vars }));
  const inboundUrl = kannelHookUrl({ PUBLIC_URL: between(yardgate.url), KANNEL_HOOK_SECRET }, "mo");
  const kannel = await Kannel.prepare({ directory, smscPort: smsc.port, inboundUrl });
  if (withKannel) {
    await kannel.start();
    await kannel.isBound();
  }
  await yardgate.start();
  const close = async () => {
    await yardgate.crash();
    await kannel.crash();
    await smsc.stop();
    remove();
  };
  return { directory, yardgate, kannel, smsc, close };
}

const kannelVars = (kannel: Kannel): Record<string, string> => ({
  SMS_TRANSPORT: "kannel",
  KANNEL_URL: kannel.url,
  KANNEL_USER: Kannel.user,
  KANNEL_PASS: Kannel.password,
  KANNEL_FROM: OUR_NUMBER,
});

/** The one SMS that this phone has got. */
export const theSms = ({ smsc }: Operator, phone: string): Promise<Submitted> =>
  eventually(`an SMS to ${phone}`, () => smsc.to(phone)[0], { withinMs: 60_000 });

export const codeIn = (sms: Submitted): string => /\d{4,6}/.exec(sms.text)?.[0] ?? "";

/** Registers a phone as a resident does and returns the bearer token. */
export async function signIn(operator: Operator, phone: string): Promise<string> {
  await operator.yardgate.api("user/requestCode", { userPhone: phone });
  const smsCode = codeIn(await theSms(operator, phone));
  const { data } = await operator.yardgate.api("user/confirmCode", { userPhone: phone, smsCode });
  return data.accessToken;
}
