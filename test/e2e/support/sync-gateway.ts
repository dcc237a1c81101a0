import { Publisher } from "./publisher.ts";
import { INTEGRATION_TOKEN, Yardgate } from "./server.ts";
import { makeWorkspace } from "./workspace.ts";

export const PASSWORD = "correct horse battery";

/** The Worker as an SMS gateway, with a publisher behind it. */
export interface SyncGateway {
  yardgate: Yardgate;
  publisher: Publisher;
  /** A POST that must succeed. A bearer that is not given is the operator's. */
  // biome-ignore lint/suspicious/noExplicitAny: each test knows what it asked for
  post(path: string, body: unknown, bearer?: string): Promise<any>;
  /** Makes a user with `PASSWORD` and an account at gmail; returns the id. */
  user(phoneNumber: string): Promise<string>;
  close(): Promise<void>;
}

export async function startSyncGateway(vars: Record<string, string> = {}): Promise<SyncGateway> {
  const { directory, remove } = makeWorkspace();
  const publisher = await Publisher.start();
  const ours = { SMS_TRANSPORT: "log", PUBLISHER_URL: publisher.url, PUBLISHER_TOKEN: "e2e-publisher-token" };
  const yardgate = await Yardgate.prepare(directory, () => ({ ...ours, ...vars }));
  await yardgate.start();
  const post = async (path: string, body: unknown, bearer = INTEGRATION_TOKEN) => {
    const headers = { "content-type": "application/json", authorization: `Bearer ${bearer}` };
    const response = await fetch(yardgate.url + path, { method: "POST", headers, body: JSON.stringify(body) });
    const text = await response.text();
    if (!response.ok) throw new Error(`${path} answered ${response.status}: ${text}`);
    return text.startsWith("{") ? JSON.parse(text) : text;
  };
  const grant = { name: "gmail", username: "me@example.org", uniqueId: "me@example.org", token: { access_token: "t" } };
  const user = async (phone_number: string) =>
    (await post("/v2/users", { phone_number, password: PASSWORD, name: "Me", platforms: [grant] })).id as string;
  const close = async () => {
    await yardgate.crash();
    publisher.stop();
    remove();
  };
  return { yardgate, publisher, post, user, close };
}
