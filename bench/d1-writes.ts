/** Asked this often, the database keeps its connection, and with it the count. */
const EVERY_MS = 2_000;

/** Counts the rows that are written in a database from now on, whoever writes them. */
export function countWrites(db: D1Database): { stop(): Promise<number> } {
  let [written, last] = [0, undefined as number | undefined];
  const look = async () => {
    const changes = (await db.prepare("SELECT total_changes() AS changes").first<number>("changes"))!;
    if (last !== undefined) written += changes >= last ? changes - last : changes; // a new connection begins at 0
    last = changes;
  };
  let looking = look();
  const timer = setInterval(() => {
    looking = looking.then(look);
  }, EVERY_MS);
  return {
    async stop() {
      clearInterval(timer);
      await looking;
      await look();
      return written;
    },
  };
}
