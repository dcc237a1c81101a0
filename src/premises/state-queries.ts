import { and, eq, sql } from "drizzle-orm";
import { contractDeviceStates, contracts } from "#operator/tables.ts";
import { rights } from "./tables.ts";

// The service state of a right's device, said once: whatever asks joins the contract and the exception made for the device.

/** 0 not connected, 1 unpaid, 2 active; null where only a remote billing knows it. Needs both joins below. */
export const serviceState = sql<0 | 1 | 2 | null>`coalesce(${contractDeviceStates.state}, ${contracts.state})`;

/** For `leftJoin(contracts, …)`. */
export const isContractOfRight = (operator: string) =>
  and(eq(contracts.operator, operator), eq(contracts.uid, rights.uid));

/** For `leftJoin(contractDeviceStates, …)`. */
export const isStateOfRight = (operator: string) =>
  and(
    eq(contractDeviceStates.operator, operator),
    eq(contractDeviceStates.uid, rights.uid),
    eq(contractDeviceStates.deviceId, rights.deviceId),
  );
