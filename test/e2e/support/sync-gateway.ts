import { type GatewayCalls, gatewayCalls } from "./gateway-calls.ts";
import { Publisher } from "./publisher.ts";
import { Yardgate } from "./server.ts";
import { makeWorkspace } from "./workspace.ts";

/** The Worker as an SMS gateway, with a publisher behind it. */
export interface SyncGateway extends GatewayCalls {
  yardgate: Yardgate;
  publisher: Publisher;
  close(): Promise<void>;
}

export async function startSyncGateway(vars: Record<string, string> = {}): Promise<SyncGateway> {
  const { directory, remove } = makeWorkspace();
  const publisher = await Publisher.start();
  const ours = { SMS_TRANSPORT: "log", PUBLISHER_URL: publisher.url, PUBLISHER_TOKEN: "e2e-publisher-token" };
  const yardgate = await Yardgate.prepare(directory, () => ({ ...ours, ...vars }));
  await yardgate.start();
  const close = async () => {
    await yardgate.crash();
    publisher.stop();
    remove();
  };
  return { yardgate, publisher, close, ...gatewayCalls(yardgate) };
}
