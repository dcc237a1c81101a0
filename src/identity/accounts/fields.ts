import * as z from "zod";

// Fields that several requests about accounts share. What is longer than these is nobody's input.

export const ClientId = z.string().min(1).max(100);
export const ChallengeId = z.string().min(1).max(100);
export const Code = z.string().min(1).max(20);
/** How long one may be is a rule with an answer of its own: `password_too_weak`. */
export const Password = z.string().min(1).max(4096);
export const PersonName = z.string().trim().min(1).max(100);
/** BCP 47. */
export const Lang = z
  .string()
  .max(35)
  .regex(/^[a-z]{2,3}(-[a-z0-9]{1,8})*$/i);
/** A picture of the person, somewhere on the web. */
export const Avatar = z.url({ protocol: /^https$/ }).max(2048);
