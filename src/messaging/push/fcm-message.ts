import type { Push, PushContent } from "./content.ts";

/** iOS keeps a call a little longer than it rings, as its clock may be behind. */
const CALL_ON_IOS_SECONDS = 60;

/** The `message` of FCM HTTP v1, as the platform's app needs it. */
export function fcmMessage(push: Push) {
  const { token, platform } = push.address;
  const { data, notice } = push.content;
  switch (platform) {
    case "ios":
      return { token, data, apns: apns(push) };
    case "web":
      return { token, data, ...(notice && { notification: notice }), webpush: webpush(push) };
    default:
      return { token, data, android: android(push) };
  }
}

// Without a notification part Android hands the push to the app whether or not it is on screen.
const android = ({ content: { collapse }, seconds }: Push) => ({
  priority: "HIGH",
  ttl: `${seconds}s`,
  ...(collapse && { collapse_key: collapse }),
});

const webpush = ({ seconds }: Push) => ({ headers: { Urgency: "high", TTL: String(seconds) } });

const apns = (push: Push) => ({
  headers: { "apns-push-type": "alert", ...apnsHeaders(push) },
  payload: { aps: aps(push.content) },
});

/** Apple's headers, which say the same whoever brings them. */
export function apnsHeaders({ content: { kind, collapse }, seconds, now }: Push): Record<string, string> {
  const keep = kind === "call" ? CALL_ON_IOS_SECONDS : seconds;
  return {
    "apns-priority": "10",
    "apns-expiration": String(Math.floor(now.getTime() / 1000) + keep),
    ...(collapse && { "apns-collapse-id": collapse }),
  };
}

/** What iOS itself reads of a push. A call's category brings the buttons, and `mutable-content` the picture. */
export const aps = ({ kind, notice, badge }: PushContent) => ({
  ...(notice && { alert: notice, sound: "default" }),
  ...(badge !== undefined && { badge }),
  ...(kind === "call" && { category: "INCOMING_DOOR_CALL", "mutable-content": 1 }),
});
