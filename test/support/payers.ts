import { FakeBank, SBER, YOOKASSA } from "./bank.ts";
import { aContract, aPhone, aResident, envWith, mobile, outside } from "./world.ts";

/** Who issues documents: without a name nobody does. */
export const COMPANY = JSON.stringify({ name: "ООО «Двор»" });

/** A resident with a contract, and a bank behind fetch. */
export async function aPayer(provider: "sber" | "yookassa" = "sber", contract: object = {}) {
  const bank = new FakeBank();
  outside(bank.answer);
  const config = provider === "sber" ? { ...SBER, SBER_PUBLIC_KEY: await bank.publicKey() } : YOOKASSA;
  const environment = envWith({ ...config, COMPANY });
  const phone = aPhone();
  const login = `P${phone}`;
  const { token } = await aResident({ phone });
  const uid = await aContract({ phones: [phone], login, ...contract });
  // biome-ignore lint/suspicious/noExplicitAny: each test looks at what it expects
  const ask = async (method: string, body: object, as: { token?: string | undefined } = { token }): Promise<any> =>
    (await mobile(`pay/${method}`, body, { ...as, env: environment })).json();
  const prepare = async (amount: unknown = "65000"): Promise<string> =>
    (await ask("prepare", { clientId: login, amount })).data;
  return { bank, env: environment, phone, login, token, uid, ask, prepare };
}
