import { env } from "cloudflare:test";
import type { ContractChange } from "#operator/contracts.ts";
import { changeContract } from "#premises/contracts.ts";

/** What billing changes about a contract, as `/bill/api/users/clients/edit/` would. */
export const setContractState = (uid: number, change: ContractChange) => changeContract(env, { uid }, change);

/** A contract whose camera tokens were revoked at that time. */
export const revokedAt = (uid: number, at: Date) =>
  env.DB.prepare("INSERT INTO camera_revocations (operator, subject, revoked_at) VALUES ('main', ?, ?)")
    .bind(`c${uid}`, at.getTime())
    .run();
