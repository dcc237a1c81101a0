// The older contract, in which the billing answers the apps' own envelopes: POST {BILLING_URL}/{method}, with the
// phone as a JSON number in the form that the apps of that time sent it. docs/contracts.md, "The operator's billing".
import * as z from "zod";
import type { BilledCamera, BilledContract, RemoteBilling, ServiceState } from "./billing.ts";
import { EVERYTHING, flatIn, Uid } from "./billing-http.ts";
import { askBilling, type BillingAddress } from "./billing-wire.ts";

const listOf = <S extends z.ZodType>(Item: S) => z.object({ data: z.array(Item).nullish() });

const Setting = z.object({
  flatId: Uid.nullish(),
  houseId: Uid.nullish(),
  clientId: z.union([z.string(), z.number()]).transform(String).nullish(),
  address: z.string(),
  services: z.array(z.string()).nullish(),
});
const Home = z.object({ houseId: Uid, address: z.string() });

const coordinate = z.union([z.string(), z.number()]).transform(String).nullish();
const Camera = z.object({ id: Uid, name: z.string(), lat: coordinate, lon: coordinate, url: z.url() });
const Cameras = z.object({ data: z.union([z.literal([402, 404]), z.array(Camera)]) });

export function legacyBilling(address: BillingAddress): RemoteBilling {
  const cameras = async (question: Record<string, unknown>) => {
    const { data } = await askBilling(address, "getcctvlist", question, Cameras);
    if (typeof data === "number") return { state: stateOf(data), cameras: [] };
    return { state: 2 as const, cameras: data.map(cameraView) };
  };
  return {
    async contractsOf(phone) {
      const question = { phone: nationalNumber(phone) };
      const [settings, homes] = await Promise.all([
        askBilling(address, "getsettingslist", question, listOf(Setting)),
        askBilling(address, "getaddresslist", question, listOf(Home)),
      ]);
      return contractsIn(settings.data ?? [], homes.data ?? []);
    },
    // This contract knows one state for everything a home has.
    async statesOf(uid, deviceIds) {
      const { state } = await cameras({ houseId: String(uid) });
      return new Map(deviceIds.map((id) => [id, state]));
    },
    // The phone is ours to add: with it the billing can check whose home it is.
    camerasOf: (phone, uid) => cameras({ houseId: String(uid), phone: nationalNumber(phone) }),
  };
}

/** Both lists name homes, and only one of them the login. Number 0 is the "your address will be here" of old billings. */
function contractsIn(settings: z.output<typeof Setting>[], homes: z.output<typeof Home>[]): BilledContract[] {
  const contracts = new Map<number, BilledContract>();
  for (const { houseId, address } of homes) contracts.set(houseId, contractView(houseId, { address }));
  for (const { flatId, houseId, ...setting } of settings) {
    const uid = flatId ?? houseId;
    if (uid) contracts.set(uid, contractView(uid, setting));
  }
  contracts.delete(0);
  return [...contracts.values()];
}

type Described = Pick<z.output<typeof Setting>, "address"> & Partial<z.output<typeof Setting>>;

const contractView = (uid: number, { address, clientId, services }: Described): BilledContract => ({
  uid,
  login: clientId ?? String(uid),
  address,
  flat: flatIn(address),
  services: services ?? EVERYTHING,
});

const cameraView = ({ id, name, lat, lon, url }: z.output<typeof Camera>): BilledCamera => ({
  id,
  title: name,
  latitude: lat ?? null,
  longitude: lon ?? null,
  url,
});

const stateOf = (data: 402 | 404): ServiceState => (data === 402 ? 1 : 0);

/** 79161230001 as 89161230001: how Russian numbers were typed into the apps that old connectors know. */
export const nationalNumber = (phone: string): number => Number(phone.replace(/^7(?=\d{10}$)/, "8"));
