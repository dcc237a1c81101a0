import * as z from "zod";

const DAY = 86_400_000;

/** A time of RFC 3339. */
export const Moment = z.iso.datetime({ offset: true }).transform((text) => new Date(text));

/** Where a search begins: a time, or a date for the beginning of that day in UTC. */
export const From = z.union([Moment, z.iso.date().transform((text) => new Date(text))]);

/** Where a search ends: a time, or a date for the end of that day in UTC. */
export const To = z.union([Moment, z.iso.date().transform((text) => new Date(Date.parse(text) + DAY))]);
