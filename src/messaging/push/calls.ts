import type { Settings } from "#env.ts";
import type { PushAddress, PushContent } from "./content.ts";

/** Somebody rings at a door, and an app is to answer over SIP. */
export interface DoorCall {
  /** The temporary extension that the app registers, and its password. */
  extension: string;
  pass: string;
  /** What opens the door; empty where the app must not offer it. */
  dtmf: string;
  /** What the panel is called. */
  callerId: string;
  /** The contract, by number. */
  uid: number;
  flatNumber: string;
  /** The panel's number at the PBX. */
  domophoneId: number;
  /** Signed URLs of the picture at the ringing and of the live picture. */
  image?: string | undefined;
  live?: string | undefined;
  /** What stands behind `call/live/` and `call/camshot/`. */
  hash?: string | undefined;
  at: Date;
}

/** How long a call rings, in seconds: what comes later rings for nobody. */
export const CALL_SECONDS = 30;
const HEADING = "Входящий вызов";

/** The push of a call, as each app reads it. */
export function callContent({ platform }: Pick<PushAddress, "platform">, call: DoorCall, settings: Settings) {
  return {
    kind: "call",
    data:
      platform === "web"
        ? browserData(call, settings)
        : { ...sharedData(call, settings), ...phoneData(platform, call, settings) },
    // The others show a call themselves, from its data.
    ...((platform === "ios" || platform === "harmony") && { notice: { title: HEADING, body: call.callerId } }),
    ...(platform === "ios" && { badge: 1 }),
    collapse: `call-${call.extension}`.slice(0, 64),
  } satisfies PushContent;
}

/** The host that the apps register at. */
export const sipServer = ({ SIP_SERVER, PUBLIC_URL }: Settings): string => SIP_SERVER ?? new URL(PUBLIC_URL).hostname;

function sharedData(call: DoorCall, settings: Settings): Record<string, string> {
  return {
    server: sipServer(settings),
    callerId: call.callerId,
    timestamp: String(Math.floor(call.at.getTime() / 1000)),
    ttl: String(CALL_SECONDS),
    flatId: String(call.uid),
    houseId: String(call.uid),
    flatNumber: call.flatNumber,
    domophoneId: String(call.domophoneId),
    type: "call",
  };
}

/** A phone: with a `hash` it would leave password and pictures aside, so it gets none. Harmony's app is Android's. */
function phoneData(platform: PushAddress["platform"], call: DoorCall, settings: Settings): Record<string, string> {
  const { extension, pass, dtmf, image, live } = call;
  const { SIP_PORT, SIP_TRANSPORT, SIP_STUN } = settings;
  return {
    platform: platform === "ios" ? "ios" : "android",
    port: String(SIP_PORT),
    transport: SIP_TRANSPORT,
    ...{ extension, pass, dtmf },
    // iOS drops a call without these keys.
    ...{ image: image ?? "", live: live ?? "" },
    ...(SIP_STUN && { stun: SIP_STUN }),
    ...{ stun_transport: "udp", stunTransport: "udp", webRtcUrl: "", noVideoSip: "false" },
  };
}

/** A browser answers no call: it shows who rings and opens the door, so it gets the picture's hash and no credentials. */
const browserData = (call: DoorCall, settings: Settings): Record<string, string> => ({
  platform: "web",
  ...sharedData(call, settings),
  ...(call.hash !== undefined && { hash: call.hash }),
});
