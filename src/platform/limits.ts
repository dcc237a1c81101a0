import * as z from "zod";

const count = (min: number, max: number, preset: number) => z.number().int().min(min).max(max).default(preset);

/**
 * How often and how long, with the floors and ceilings that no operator may pass; docs/settings.md tells each. The variable
 * LIMITS is one JSON object of these names. The per-address figures count only codes that nobody
 * entered, and are wide enough for all the customers behind one carrier's NAT.
 */
export const Limits = z.object({
  sendsPerHour: count(1, 20, 5),
  sendsPerDay: count(1, 50, 10),
  failuresPerHour: count(1, 20, 10),
  failuresPerDay: count(1, 30, 15),
  failuresInARow: count(1, 100, 100),
  /** The stricter figures of four-digit codes, which the apps in the field are bound to. */
  shortTries: count(1, 5, 3),
  shortLifeSeconds: count(60, 120, 120),
  shortSendsPerDay: count(1, 10, 5),
  shortFailuresPerDay: count(1, 10, 8),
  /** A known install's own reserve, so that a stranger cannot lock the owner out. */
  reserveSendsPerDay: count(0, 10, 3),
  reserveTriesPerDay: count(0, 20, 10),
  addressPerHour: count(1, 1_000_000, 60),
  addressPerDay: count(1, 1_000_000, 300),
  addressCountriesPerDay: count(1, 250, 3),
  addressFailuresPerDay: count(1, 1_000_000, 300),
  countryPerHour: count(1, 10_000_000, 300),
  countryPerDay: count(1, 10_000_000, 1000),
  operatorPerDay: count(1, 10_000_000, 5000),

  /** Lives of tokens, in seconds; idle and absolute lives of sessions, in days. */
  accessSeconds: count(1, 600, 600),
  deviceAccessSeconds: count(1, 3600, 3600),
  serviceAccessSeconds: count(1, 300, 300),
  refreshIdleDays: count(1, 30, 30),
  refreshDays: count(1, 90, 90),
  deviceRefreshIdleDays: count(1, 90, 90),
  deviceRefreshDays: count(1, 365, 365),
  /** A refresh token that was just rotated is answered once more with its successor: the first answer may have been lost. */
  refreshGraceSeconds: count(0, 30, 30),
  sessionsPerAccount: count(1, 100, 20),
  /** How long a proof counts as fresh, for what must not be done with a stolen token. */
  freshSeconds: count(1, 300, 300),
  mfaSeconds: count(1, 300, 300),
  deviceGrantSeconds: count(1, 600, 600),
  /** Sign-ins that televisions behind one address may begin in a day; one that waits begins another every ten minutes. */
  deviceGrantsPerAddress: count(1, 1_000_000, 1000),
  adminIdleMinutes: count(5, 30, 30),
  adminHours: count(1, 12, 12),
  adminSessions: count(1, 10, 2),

  passwordMinLength: count(8, 64, 15),
  /** Where a second step is required as well. */
  passwordMinLengthWithSecondStep: count(8, 64, 8),
  passwordMaxLength: count(64, 128, 128),
  /** Wrong passwords per login and network before a pause, which doubles from one minute to one hour. */
  passwordFailures: count(3, 10, 5),
  passwordFailuresPerHour: count(5, 100, 20),
  passwordFailuresInARow: count(10, 100, 100),
  mailsPerDay: count(1, 50, 20),

  inactiveHours: count(1, 24, 24),
  /** An account that nobody used for so long is not opened by an SMS alone: the number may have a new owner. */
  dormantDays: count(1, 365, 90),
  keepDeletedDays: count(0, 365, 30),
  claimTries: count(1, 10, 5),
  /** Wrong claim codes of one account, over all serials. */
  claimFailuresPerDay: count(1, 1000, 100),
  /** Owned, or made within a day: each has invitations of its own to send. */
  domainsPerAccount: count(1, 1000, 20),
  domainMembers: count(2, 1000, 50),
  domainDevices: count(1, 1000, 20),
  domainPolicies: count(1, 5000, 1000),
  invitationsPerDay: count(1, 1000, 10),
  invitationsPerTarget: count(1, 100, 3),
  revealsPerDay: count(0, 1000, 100),

  /** People whom a contract's owners may let in at a time. */
  guestsPerHome: count(1, 1000, 50),
  /** Pictures of passports that a contract may send in a day. */
  passportsPerDay: count(1, 100, 5),
  /** What a resident may bring to the operator's desk in a day: requests, words about them, complaints about the house. */
  issuesPerDay: count(1, 1000, 20),
  issueCommentsPerDay: count(1, 1000, 50),
  appealsPerDay: count(1, 1000, 20),

  /** Fragments of archive that a resident may have made in a day. */
  fragmentsPerDay: count(1, 10_000, 50),
});
export type Limits = z.output<typeof Limits>;
