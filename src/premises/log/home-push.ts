import type { Env } from "#env.ts";
import { tellPeople } from "#identity/installs/tell.ts";
import { phonesOfContract } from "../guests/people.ts";
import { isPaidFor } from "../standing.ts";

/** What the apps do at a tap; whatever else is asked for opens the event log. */
const ACTIONS = ["inbox", "videoReady", "newAddress", "paySuccess", "payError", "chat", "eventLog"] as const;

export interface HomePush {
  uid: number;
  /** The device that it is about; of none in particular any that is paid for will do. */
  deviceId?: number | undefined;
  title: string;
  /** Further fields for the app, all texts. */
  data: Record<string, string>;
}

/** A push to everybody who lives there and wants pushes, while the service is paid for; kept nowhere. */
export async function tellHome(env: Env, { uid, deviceId, title, data }: HomePush, now = new Date()): Promise<void> {
  if (!(await isPaidFor(env, uid, deviceId))) return;
  const { title: _, body: text = "", action: wanted, ...further } = data;
  const action = ACTIONS.find((known) => known === wanted) ?? "eventLog";
  const phones = await phonesOfContract(env, uid, now);
  const told = { title, text, action, data: { ...further, houseId: String(uid) }, isListed: false };
  await tellPeople(env, phones, told, now);
}
