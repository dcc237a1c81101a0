import { createHmac } from "node:crypto";

/** HMAC-SHA-512 in lower-case hex, 128 characters: how an E.164 number with its `+`, and of old a password, is written down. */
export const hashed = (salt: string, text: string): string => createHmac("sha512", salt).update(text).digest("hex");
