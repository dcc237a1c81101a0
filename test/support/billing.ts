import { env } from "cloudflare:test";
import type { ContractChange } from "#operator/contracts.ts";
import { changeContract } from "#premises/contracts.ts";

/** What billing changes about a contract, as `/bill/api/users/clients/edit/` would. */
export const setContractState = (uid: number, change: ContractChange) => changeContract(env, { uid }, change);
