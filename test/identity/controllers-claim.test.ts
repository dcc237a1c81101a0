import { env } from "cloudflare:test";
import { expect, test } from "vitest";
import { forgetClaimTries } from "#identity/controllers/claims.ts";
import { banController } from "#identity/controllers/states.ts";
import { SYSTEM } from "#identity/journal/journal.ts";
import {
  aController,
  aHousehold,
  aSerial,
  claim,
  eventsOf,
  join,
  json,
  refusal,
  theController,
} from "../support/controllers.ts";
import { aPerson, shield } from "../support/shield.ts";
import { envWith } from "../support/world.ts";

test("DEV-5 DEV-6 whoever shows the claim code has the controller, in their domain", async () => {
  const household = await aHousehold();
  const controller = await aController();
  const answer = await shield("/devices/claim", {
    token: household.token,
    json: { serial: controller.serial, claim_code: controller.code, domain_id: household.domain, name: "Hub" },
  });
  expect(answer.status).toBe(201);
  expect(await json(answer)).toMatchObject({
    ...{ id: controller.id, status: "claimed", domain_id: household.domain, owner_id: household.account, name: "Hub" },
  });
  expect((await eventsOf(controller.id)).at(-1)).toEqual({
    type: "device.claimed",
    data: { serial: controller.serial, domain: household.domain, account: household.account },
  });
  expect((await eventsOf(household.domain)).at(-1)).toEqual({
    type: "domain.device_added",
    data: { device: controller.id },
  });
});

test("DEV-2 the validation of a device token tells the domain it is in", async () => {
  const household = await aHousehold();
  const controller = await aController();
  await claim(household, controller);
  expect(await json(await shield(`/devices/${controller.id}`, { token: controller.token }))).toMatchObject({
    ...{ status: "claimed", domain_id: household.domain },
  });
});

test("DEV-5 a wrong code, an unknown serial and a controller without a code answer alike, with fewer tries each time", async () => {
  const household = await aHousehold();
  const known = (await aController()).serial;
  const codeless = (await aController()).serial;
  await env.DB.prepare("UPDATE controllers SET claim_hash = NULL WHERE serial = ?").bind(codeless).run();
  const answers = await Promise.all(
    [known, codeless, aSerial()].map(async (serial) => {
      const told: unknown[] = [];
      for (let i = 0; i < 6; i++) {
        const answer = await claim(household, { serial, code: `guess ${i}` });
        const { instance: _, ...body } = await json(answer);
        told.push([answer.status, body]);
      }
      return told;
    }),
  );
  expect(answers[1]).toEqual(answers[0]);
  expect(answers[2]).toEqual(answers[0]);
  expect(answers[0]).toMatchObject(
    [4, 3, 2, 1, 0, 0].map((tries_left) => [422, { code: "claim_code_invalid", num: 3002, tries_left }]),
  );
});

test("DEV-5 of fifty codes tried at once five are looked at, and then the right one is worth nothing", async () => {
  const household = await aHousehold();
  const controller = await aController();
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, i) => claim(household, { serial: controller.serial, code: `guess ${i}` })),
  );
  const told = await Promise.all(answers.map(json));
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([422]));
  expect(told.map(({ tries_left }) => tries_left).toSorted()).toEqual([...Array(46).fill(0), 1, 2, 3, 4]);
  const tries = await env.DB.prepare("SELECT tries FROM claim_tries WHERE serial = ?").bind(controller.serial).first();
  expect(tries).toEqual({ tries: 5 });
  expect(await refusal(await claim(household, controller))).toEqual([422, "claim_code_invalid"]);
  expect(await theController(controller.serial)).toMatchObject({ status: "enrolled", owner_account_id: null });
});

test("DEV-5 an account that tries one serial after the other is stopped", async () => {
  const household = await aHousehold();
  const environment = envWith({ LIMITS: JSON.stringify({ claimFailuresPerDay: 3 }) });
  const attempt = () =>
    shield("/devices/claim", {
      token: household.token,
      json: { serial: aSerial(), claim_code: "guess", domain_id: household.domain },
      env: environment,
    });
  for (let i = 0; i < 3; i++) expect((await attempt()).status).toBe(422);
  const answer = await attempt();
  expect(answer.headers.get("retry-after")).toBe("3600");
  expect(await refusal(answer)).toEqual([429, "rate_limited"]);
});

test("DEV-5 a right code costs nothing", async () => {
  const household = await aHousehold();
  const controller = await aController();
  await claim(household, { ...controller, code: "guess" });
  await claim(household, controller);
  const tries = await env.DB.prepare("SELECT tries FROM claim_tries WHERE serial = ?").bind(controller.serial).first();
  expect(tries).toEqual({ tries: 1 });
});

test("DEV-4 DEV-5 of people who claim a controller at once one gets it, and its code is used", async () => {
  const controller = await aController();
  const households = await Promise.all(Array.from({ length: 5 }, () => aHousehold()));
  const answers = await Promise.all(households.map((household) => claim(household, controller)));
  expect(answers.map(({ status }) => status).toSorted()).toEqual([201, 409, 409, 409, 409]);
  const winner = households[answers.findIndex(({ status }) => status === 201)]!;
  expect(await theController(controller.serial)).toMatchObject({
    ...{ domain_id: winner.domain, owner_account_id: winner.account },
  });
  expect((await eventsOf(controller.id)).filter(({ type }) => type === "device.claimed")).toHaveLength(1);
  for (const { domain, account } of households)
    expect((await eventsOf(domain)).some(({ type }) => type === "domain.device_added")).toBe(
      account === winner.account,
    );
  expect(await refusal(await claim(await aHousehold(), controller))).toEqual([409, "device_already_claimed"]);
  const wrong = await claim(await aHousehold(), { ...controller, code: "guess" });
  expect(await refusal(wrong)).toEqual([422, "claim_code_invalid"]);
});

test("DEV-4 a controller that has left its domain is still its owner's: the code is used", async () => {
  const household = await aHousehold();
  const controller = await aController();
  await claim(household, controller);
  await shield(`/domains/${household.domain}/devices/${controller.id}`, { method: "DELETE", token: household.token });
  expect(await theController(controller.serial)).toMatchObject({
    domain_id: null,
    owner_account_id: household.account,
  });
  expect(await refusal(await claim(await aHousehold(), controller))).toEqual([409, "device_already_claimed"]);
});

test("DEV-5 only to the right code a banned controller says that it is banned", async () => {
  const household = await aHousehold();
  const controller = await aController();
  await banController(env, "main", { id: controller.id, reason: "stolen" }, SYSTEM);
  expect(await refusal(await claim(household, { ...controller, code: "guess" }))).toEqual([422, "claim_code_invalid"]);
  expect(await refusal(await claim(household, controller))).toEqual([403, "device_banned"]);
});

test("DEV-4 a full domain takes no further controller, whatever the code", async () => {
  const household = await aHousehold();
  const environment = envWith({ LIMITS: JSON.stringify({ domainDevices: 1 }) });
  const [first, second] = [await aController(), await aController()];
  expect((await claim(household, first)).status).toBe(201);
  const answer = await shield("/devices/claim", {
    token: household.token,
    json: { serial: second.serial, claim_code: second.code, domain_id: household.domain },
    env: environment,
  });
  expect(await refusal(answer)).toEqual([409, "device_limit_reached"]);
  expect(await theController(second.serial)).toMatchObject({ status: "enrolled", owner_account_id: null });
});

test.each([
  ["a guest", "guest", 403, "role_insufficient"],
  ["a member", "member", 403, "role_insufficient"],
  ["a stranger", undefined, 404, "domain_not_found"],
] as const)("DEV-5 %s puts no controller into a domain", async (_, role, status, code) => {
  const household = await aHousehold();
  const controller = await aController();
  const person = await aPerson();
  if (role) await join(household.domain, person.account, role);
  expect(await refusal(await claim({ ...person, domain: household.domain }, controller))).toEqual([status, code]);
  expect(await theController(controller.serial)).toMatchObject({ status: "enrolled" });
});

test("DEV-5 tries at serials that nobody has are forgotten after a month, those of a controller are not", async () => {
  const household = await aHousehold();
  const [{ serial }, unknown] = [await aController(), aSerial()];
  for (const each of [serial, unknown]) await claim(household, { serial: each, code: "guess" });
  await env.DB.prepare("UPDATE claim_tries SET last_at = 0 WHERE serial IN (?, ?)").bind(serial, unknown).run();
  await forgetClaimTries(env);
  const { results } = await env.DB.prepare("SELECT serial FROM claim_tries WHERE serial IN (?, ?)")
    .bind(serial, unknown)
    .all();
  expect(results).toEqual([{ serial }]);
});
