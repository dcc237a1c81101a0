import { and, asc, eq, inArray, sql } from "drizzle-orm";
import type { Db, Statement } from "#platform/db.ts";
import {
  type Contract,
  contractDeviceStates,
  contractNumbers,
  contractPhones,
  contracts,
  errorTexts,
  type OperatorRow,
  operators,
} from "./tables.ts";

// Reads return rows. Writes return unawaited statements, so that one of them can be
// awaited alone and several can go to D1 as one atomic `db.batch([...])`.

/** How a contract is named from outside: by its number or by its login. */
export type ContractName = { uid: number } | { login: string };

export interface DeviceState {
  deviceId: number;
  state: Contract["state"];
}

const record = {
  uid: contracts.uid,
  login: contracts.login,
  address: contracts.address,
  flat: contracts.flat,
  state: contracts.state,
  balance: contracts.balance,
  services: contracts.services,
  clientName: contracts.clientName,
  email: contracts.email,
  isConfirmed: contracts.isConfirmed,
  payAdvice: contracts.payAdvice,
  tariffs: contracts.tariffs,
  phones: sql`(SELECT json_group_array(p.phone ORDER BY p.phone) FROM contract_phones AS p
    WHERE p.operator = contracts.operator AND p.uid = contracts.uid)`.mapWith((json) => JSON.parse(json) as string[]),
  devices: sql`(SELECT json_group_array(json_object('deviceId', s.device_id, 'state', s.state) ORDER BY s.device_id)
    FROM contract_device_states AS s WHERE s.operator = contracts.operator AND s.uid = contracts.uid)`.mapWith(
    (json) => JSON.parse(json) as DeviceState[],
  ),
};

export function contractRecords(db: Db, operator: string) {
  return db.select(record).from(contracts).where(eq(contracts.operator, operator)).orderBy(asc(contracts.uid)).all();
}

export function contractRecord(db: Db, operator: string, name: ContractName) {
  const named = "uid" in name ? eq(contracts.uid, name.uid) : eq(contracts.login, name.login);
  return db
    .select(record)
    .from(contracts)
    .where(and(eq(contracts.operator, operator), named))
    .get();
}

/** A contract that the phone may act for. No join: with one SQLite walks through all contracts in the order of their numbers. */
export const isOfPhone = (operator: string, phone: string) =>
  and(
    eq(contracts.operator, operator),
    sql`${contracts.uid} IN (SELECT p.uid FROM contract_phones AS p WHERE p.operator = ${operator} AND p.phone = ${phone})`,
  );

/** The contracts that a phone may act for, by number. */
export function contractsOfPhoneRows(db: Db, operator: string, phone: string) {
  const { uid, login, address, flat, services } = contracts;
  return db
    .select({ uid, login, address, flat, services })
    .from(contracts)
    .where(isOfPhone(operator, phone))
    .orderBy(asc(uid))
    .all();
}

/** Takes the next free number; one that is taken and not used stays a gap. */
export function takeNumber(db: Db, operator: string) {
  return db
    .insert(contractNumbers)
    .values({ operator, last: 1 })
    .onConflictDoUpdate({ target: contractNumbers.operator, set: { last: sql`${contractNumbers.last} + 1` } })
    .returning({ uid: contractNumbers.last });
}

/** Notes a number that the operator has chosen. */
export function noteNumber(db: Db, operator: string, uid: number) {
  return db
    .insert(contractNumbers)
    .values({ operator, last: uid })
    .onConflictDoUpdate({
      target: contractNumbers.operator,
      set: { last: sql`max(${contractNumbers.last}, excluded.last)` },
    });
}

export function insertContract(db: Db, contract: typeof contracts.$inferInsert) {
  return db.insert(contracts).values(contract);
}

export function updateContract(db: Db, operator: string, uid: number, fields: Partial<Omit<Contract, "uid">>) {
  // uid to itself, because an UPDATE without any column is not SQL.
  return db
    .update(contracts)
    .set({ uid, ...fields })
    .where(and(eq(contracts.operator, operator), eq(contracts.uid, uid)));
}

export function deleteContractRow(db: Db, operator: string, uid: number) {
  return db.delete(contracts).where(and(eq(contracts.operator, operator), eq(contracts.uid, uid)));
}

/** Leaves the contract with exactly these phones. */
export function replacePhones(db: Db, operator: string, uid: number, phones: readonly string[]): Statement[] {
  return [
    db.delete(contractPhones).where(and(eq(contractPhones.operator, operator), eq(contractPhones.uid, uid))),
    db
      .insert(contractPhones)
      .select(sql`SELECT ${operator}, value, ${uid} FROM json_each(${JSON.stringify(phones)}) WHERE true`)
      .onConflictDoNothing(),
  ];
}

/** Leaves the contract with exactly these states of single devices. */
export function replaceDeviceStates(
  db: Db,
  operator: string,
  uid: number,
  states: readonly DeviceState[],
): Statement[] {
  const { operator: own, uid: number } = contractDeviceStates;
  return [
    db.delete(contractDeviceStates).where(and(eq(own, operator), eq(number, uid))),
    db
      .insert(contractDeviceStates)
      .select(
        sql`SELECT ${operator}, ${uid}, value ->> 'deviceId', value ->> 'state' FROM json_each(${JSON.stringify(states)})`,
      ),
  ];
}

export function operatorRow(db: Db, operator: string) {
  return db.select().from(operators).where(eq(operators.operator, operator)).get();
}

export function operatorRows(db: Db, ids: readonly string[]) {
  return db
    .select()
    .from(operators)
    .where(sql`${operators.operator} IN (SELECT value FROM json_each(${JSON.stringify(ids)}))`)
    .orderBy(asc(operators.operator));
}

type OperatorFields = Pick<OperatorRow, "name" | "country" | "lang" | "params">;

/** Returns nothing where the operator is there already. */
export function insertOperator(db: Db, operator: string, fields: OperatorFields, now: Date) {
  return db
    .insert(operators)
    .values({ operator, ...fields, createdAt: now, updatedAt: now })
    .onConflictDoNothing()
    .returning({ ver: operators.ver });
}

/** Returns nothing where the row is not of that version. */
export function updateOperator(db: Db, operator: string, fields: OperatorFields, ver: number | undefined, now: Date) {
  return db
    .update(operators)
    .set({ ...fields, updatedAt: now, ver: sql`${operators.ver} + 1` })
    .where(and(eq(operators.operator, operator), ver === undefined ? undefined : eq(operators.ver, ver)))
    .returning({ ver: operators.ver });
}

/** The operator's texts for one code, of every app, source and language. */
export function errorTextsOf(db: Db, operator: string, code: string) {
  return db
    .select()
    .from(errorTexts)
    .where(and(inArray(errorTexts.operator, [operator, "*"]), eq(errorTexts.code, code)))
    .all();
}
