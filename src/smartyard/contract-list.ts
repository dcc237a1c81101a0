import { Hono } from "hono";
import * as z from "zod";
import { settings } from "#env.ts";
import { after } from "#platform/http.ts";
import { localText } from "#platform/time.ts";
import { type ContractCard, contractsOfResident, type Roommate } from "#premises/guests/contract-list.ts";
import { reaches } from "#premises/guests/roles.ts";
import { heldContracts } from "#premises/homes.ts";
import { describe, ok, okOrEmpty, type ResidentEnv, signedIn, wantsFresh } from "./envelope.ts";
import { type Language, languageOf } from "./texts.ts";
import { Flag, flag } from "./wire.ts";

/** POST /api/address/getSettingsList, getHcsList, offices: what the settings screen lists. */
export const contractList = new Hono<ResidentEnv>();

const RoommateView = z.object({
  phone: z.string(),
  expire: z.string(),
  type: z.enum(["owner", "inner", "outer"]), // iOS shows none when one of them is bad
});
const Contract = z.object({
  address: z.string(),
  services: z.array(z.string()),
  hasPlog: Flag,
  hasGates: Flag,
  hasConfirm: Flag,
  contractOwner: Flag,
  flatOwner: Flag,
  clientId: z.string().optional(),
  clientName: z.string().optional(),
  contractName: z.string().optional(),
  houseId: z.string(),
  flatId: z.string(),
  flatNumber: z.string(),
  roommates: z.array(RoommateView).optional(),
});
const USUAL_SERVICES = ["cctv", "domophone"];
/** How the apps write "never". */
const NEVER = "3001-01-01 00:00:00";

contractList.post("/getSettingsList", describe("List my contracts", z.array(Contract)), signedIn("edge"), async (c) => {
  const contracts = await contractsOfResident(c.env, c.var.resident, { fresh: wantsFresh(c) }, after(c));
  const { TIME_ZONE } = settings(c.env);
  return okOrEmpty(
    c,
    contracts.map((contract) => contractView(contract, languageOf(c), TIME_ZONE)),
  );
});

function contractView(contract: ContractCard, language: Language, zone: string): z.input<typeof Contract> {
  const { uid, address, flat, services, role, hasLog, hasGates, isConfirmed, roommates } = contract;
  const isOwner = flag(role === "owner");
  return {
    address,
    services: services.length > 0 ? services : USUAL_SERVICES,
    hasPlog: flag(hasLog),
    hasGates: flag(hasGates),
    hasConfirm: flag(isConfirmed === true),
    contractOwner: isOwner,
    flatOwner: isOwner,
    houseId: String(uid),
    flatId: String(uid),
    flatNumber: flat ?? "0",
    // Number and name of the contract, and who else comes in, are nothing for guests.
    ...(role === "owner" && ownersPart(contract, language)),
    ...(role === "owner" && { roommates: roommates.map((roommate) => roommateView(roommate, zone)) }),
  };
}

const ownersPart = ({ login, clientName }: ContractCard, language: Language) => ({
  clientId: login,
  contractName: language === "en" ? `Contract ${login}` : `Договор ${login}`,
  ...(clientName && { clientName }),
});

const roommateView = ({ phone, type, expiresAt }: Roommate, zone: string): z.input<typeof RoommateView> => ({
  phone,
  type,
  expire: expiresAt ? localText(expiresAt, zone) : NEVER,
});

const House = z.object({ houseId: z.string(), address: z.string() });

contractList.post(
  "/getHcsList",
  describe("Homes with a housing company", z.array(House)),
  signedIn("edge"),
  async (c) => {
    const contracts = await heldContracts(c.env, c.var.resident, { fresh: wantsFresh(c) });
    const lived = contracts.filter(({ role }) => reaches(role, "inner"));
    return okOrEmpty(
      c,
      lived.map(({ uid, address }) => ({ houseId: String(uid), address })),
    );
  },
);

const Office = z.object({ lat: z.number(), lon: z.number(), address: z.string(), opening: z.string() });

// 200 with an empty list: a 204 breaks Android here.
contractList.post("/offices", describe("Where the operator can be visited", z.array(Office)), signedIn("edge"), (c) =>
  ok(c, settings(c.env).OFFICES),
);
