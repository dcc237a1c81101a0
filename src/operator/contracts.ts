import { type Env, settings } from "#env.ts";
import { database, isDuplicate, type Statement } from "#platform/db.ts";
import { AppError } from "#platform/errors.ts";
import { hashPassword } from "#platform/passwords.ts";
import { parsePhone } from "#platform/phones.ts";
import {
  type ContractName,
  contractRecord,
  contractRecords,
  type DeviceState,
  deleteContractRow,
  insertContract,
  noteNumber,
  replaceDeviceStates,
  replacePhones,
  takeNumber,
  updateContract,
} from "./queries.ts";
import type { Contract } from "./tables.ts";

/** A contract of the embedded billing, with the phones that may act for it and the devices that stand apart. */
export interface ContractRecord extends Omit<Contract, "operator" | "password" | "createdAt"> {
  /** Digits with country code. */
  phones: string[];
  /** Devices whose state differs from the contract's. */
  devices: DeviceState[];
}

type Defaulted = Partial<Omit<ContractRecord, "uid" | "login" | "address">>;

/** Without a uid it gets the next free one. Phones may come as people write them; the balance is in kopecks. */
export type NewContract = Loose<{ uid?: number } & Defaulted> & Pick<ContractRecord, "login" | "address">;

/** What is left out stays as it is; `phones` and `devices` replace all that there were. */
export type ContractChange = Loose<Partial<Omit<ContractRecord, "uid">>>;

type Loose<T> = { [K in keyof T]: T[K] | undefined };

/** Statements of a higher part that must be committed together with the change. */
type Along = (before: ContractRecord, after: ContractRecord) => Statement[];

/** Every contract of the operator, by number. */
export function listContracts(env: Env): Promise<ContractRecord[]> {
  return contractRecords(database(env), settings(env).OPERATOR);
}

/**
 * Opens a contract and answers its number. Throws `invalid` for a phone that is no mobile phone, `conflict` for a
 * number or a login that is in use.
 */
export async function createContract(env: Env, contract: NewContract, now = new Date()): Promise<number> {
  const [db, { OPERATOR: operator }] = [database(env), settings(env)];
  const { phones = [], devices = [], flat = null, state = 2, balance = 0, services = [], login, address } = contract;
  const { clientName = null, email = null, isConfirmed = false, payAdvice = null, tariffs = {} } = contract;
  const numbers = normalPhones(env, phones);
  const uid = contract.uid ?? (await takeNumber(db, operator))[0]!.uid;
  const person = { clientName, email, isConfirmed, payAdvice, tariffs };
  const row = { operator, uid, login, address, flat, state, balance, services, ...person, createdAt: now };

  await orTaken(
    db.batch([
      noteNumber(db, operator, uid),
      insertContract(db, row),
      ...replacePhones(db, operator, uid, numbers),
      ...replaceDeviceStates(db, operator, uid, onePerDevice(devices)),
    ]),
  );
  return uid;
}

/**
 * Changes the given fields. What a change takes away from cameras is known only to a higher part: it is given the
 * contract before and after and adds its own statements. Throws `not_found`, and what createContract throws.
 */
export async function editContract(
  env: Env,
  name: ContractName,
  change: ContractChange,
  along: Along = () => [],
): Promise<{ before: ContractRecord; after: ContractRecord }> {
  const [db, { OPERATOR: operator }] = [database(env), settings(env)];
  const before = await contractNamed(env, name);
  const { phones, devices, ...given } = change;
  const fields = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const after = {
    ...before,
    ...fields,
    phones: phones ? normalPhones(env, phones) : before.phones,
    devices: devices ? onePerDevice(devices) : before.devices,
  };

  await orTaken(
    db.batch([
      updateContract(db, operator, before.uid, fields),
      ...(phones ? replacePhones(db, operator, before.uid, after.phones) : []),
      ...(devices ? replaceDeviceStates(db, operator, before.uid, after.devices) : []),
      ...along(before, after),
    ]),
  );
  return { before, after };
}

/** Removes the contract with its phones; its number is not given again. Throws `not_found`. */
export async function deleteContract(
  env: Env,
  name: ContractName,
  along: (contract: ContractRecord) => Statement[] = () => [],
): Promise<void> {
  const [db, { OPERATOR: operator }] = [database(env), settings(env)];
  const contract = await contractNamed(env, name);
  await db.batch([deleteContractRow(db, operator, contract.uid), ...along(contract)]);
}

/** Sets the password with which a resident adds the contract to another phone, and answers its login. Throws `not_found`. */
export async function changePassword(env: Env, name: ContractName, password: string): Promise<string> {
  const { uid, login } = await contractNamed(env, name);
  const { OPERATOR, PEPPERS } = settings(env);
  const fields = { password: await hashPassword(password, PEPPERS) };
  await updateContract(database(env), OPERATOR, uid, fields);
  return login;
}

async function contractNamed(env: Env, name: ContractName): Promise<ContractRecord> {
  const contract = await contractRecord(database(env), settings(env).OPERATOR, name);
  if (!contract) throw new AppError("not_found", "There is no such contract");
  return contract;
}

function normalPhones(env: Env, phones: readonly string[]): string[] {
  const digits = phones.map((text) => {
    const phone = parsePhone(text, settings(env).COUNTRY);
    if (!phone) throw new AppError("invalid", `${text.slice(0, 32)} is not a mobile phone`, { reason: "phone" });
    return phone.digits;
  });
  return [...new Set(digits)].sort();
}

// Of a device that is named twice the last state counts.
const onePerDevice = (devices: readonly DeviceState[]): DeviceState[] =>
  [...new Map(devices.map((device) => [device.deviceId, device])).values()].sort((a, b) => a.deviceId - b.deviceId);

async function orTaken(work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (cause) {
    if (!isDuplicate(cause)) throw cause;
    throw new AppError("conflict", "This uid or login is in use", { cause });
  }
}
