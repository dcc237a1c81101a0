/** A name as it is searched by: without capitals and accents, because SQLite's own `lower` knows only English letters. */
export const folded = (name: string): string => name.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase().trim();
