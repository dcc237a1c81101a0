import type { Settings } from "#env.ts";
import { AppError } from "#platform/errors.ts";
import { TIME_LIMIT_MS } from "#platform/outbound.ts";
import type { Outcome, Outgoing, Transport } from "../transport.ts";
import { isVoip, sendByApns } from "./apns.ts";
import { type Push, type PushAddress, unpackPush } from "./content.ts";
import { sendByFcm, sendByRuStore } from "./fcm.ts";
import { sendToHarmony } from "./harmony.ts";
import { sendByHms } from "./hms.ts";

type Service = "fcm" | "hms" | "harmony" | "rustore" | "apns";

const WAYS: Record<Service, { send: typeof sendByFcm; setting: keyof Settings }> = {
  fcm: { send: sendByFcm, setting: "FCM_SERVICE_ACCOUNT" },
  hms: { send: sendByHms, setting: "HMS_APP_ID" },
  harmony: { send: sendToHarmony, setting: "HMS_SERVICE_ACCOUNT" },
  rustore: { send: sendByRuStore, setting: "RUSTORE_PROJECT" },
  apns: { send: sendByApns, setting: "APNS_KEY" },
};

/** The way for pushes: by the service whose token it is. */
export const pushTransport = (settings: Settings): Transport => ({
  send: (message) => send(settings, pushOf(message)),
});

/** The services that are set up here. */
export const waysOf = (settings: Settings): Service[] =>
  (Object.keys(WAYS) as Service[]).filter((service) => settings[WAYS[service].setting] !== undefined);

/**
 * Whose token it is. An app that does not say has Firebase's, and Harmony has Huawei's only: by the older interface where no service
 * account is set up, which reaches apps of the systems before HarmonyOS 5.
 */
export function serviceOf({ platform, service }: PushAddress, settings: Settings): Service {
  const said = service?.toLowerCase();
  if (platform === "harmony") return settings.HMS_SERVICE_ACCOUNT || !settings.HMS_APP_ID ? "harmony" : "hms";
  if (said === "hms") return "hms";
  return said === "rustore" || said === "apns" ? said : "fcm";
}

function pushOf({ to, text, lifeMs, timeLimitMs = TIME_LIMIT_MS }: Outgoing): Push {
  return { ...unpackPush(to, text), seconds: Math.max(1, Math.ceil(lifeMs / 1000)), timeLimitMs, now: new Date() };
}

async function send(settings: Settings, push: Push): Promise<Outcome> {
  const calledByApple = isVoip(push) && settings.APNS_KEY !== undefined ? await by("apns", settings, push) : undefined;
  if (calledByApple && calledByApple.result !== "refused") return calledByApple;
  // Without CallKit the app still gets its call, as a notification.
  const { voipToken: _, ...address } = push.address;
  const outcome = await by(serviceOf(push.address, settings), settings, {
    ...push,
    address: { ...address, voipToken: null },
  });
  return calledByApple?.gone === undefined ? outcome : { ...outcome, gone: calledByApple.gone };
}

async function by(service: Service, settings: Settings, push: Push): Promise<Outcome> {
  const { send, setting } = WAYS[service];
  if (settings[setting] === undefined) return withoutWay(setting, settings, push);
  try {
    return await send(settings, push);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return { result: "later", error: error.message, alarm: error.reason === "bad_credentials" };
  }
}

const said = new Set<string>();

/** In development a push is printed, without its token and what the app reads; elsewhere it cannot leave, which is said once. */
function withoutWay(setting: string, { ENVIRONMENT }: Settings, { address, content }: Push): Outcome {
  if (ENVIRONMENT === "development") {
    const { platform } = address;
    const { kind, notice } = content;
    console.log(JSON.stringify({ push: { platform, kind, action: content.data.action, notice } }));
    return { result: "sent" };
  }
  const error = `${setting} is not set`;
  if (!said.has(setting)) console.error(`ALARM: pushes cannot leave: ${error}`);
  said.add(setting);
  return { result: "refused", error, isQuiet: true };
}
