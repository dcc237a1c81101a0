import { and, eq } from "drizzle-orm";
import { compared, type Db } from "#platform/db.ts";
import { gatewayClients } from "./tables.ts";

/** The number of the gateway client whose key has this SHA-256. */
export function numberOfKey(db: Db, operator: string, keyHash: string) {
  return db
    .select({ msisdn: gatewayClients.msisdn })
    .from(gatewayClients)
    .where(and(eq(gatewayClients.keyHash, keyHash), eq(compared(gatewayClients.operator), operator)))
    .get();
}
