import type { Facts, Question, Role } from "#identity/policies/question.ts";
import type { Policy } from "#identity/policies/tables.ts";
import { aRule } from "./policies-support.ts";

// What is known when a question is answered, without a store.

export const NOW = new Date("2026-03-04T12:00:00Z"); // a Wednesday
export const at = (minutes: number) => new Date(NOW.getTime() + minutes * 60_000);

export const facts = (fields: Partial<Facts> = {}): Facts => ({
  subject: { active: true, domain: null },
  domain: { id: "dom_1", version: 7 },
  registered: true,
  parents: [],
  member: null,
  policies: [],
  roleGrants: [],
  ...fields,
});
export const as = (role: Role, expiresAt: Date | null = null): Partial<Facts> => ({ member: { role, expiresAt } });
export const question = (fields: Partial<Question> = {}): Question => ({
  subject: { type: "account", id: "acc_1" },
  action: "control",
  resource: { type: "door", id: "d1" },
  ...fields,
});
export const allow = (fields: Partial<Policy> = {}) => aRule({ actions: ["control"], ...fields });
export const deny = (fields: Partial<Policy> = {}) => allow({ effect: "deny", ...fields });
