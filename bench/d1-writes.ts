/** Asked this often, the database keeps its connection, and with it the count. */
const EVERY_MS = 2_000;

const changesOf = async (db: D1Database): Promise<number> => {
  const ask = () => db.prepare("SELECT total_changes() AS changes").first<number>("changes");
  return (await ask().catch(ask))!; // a busy runtime may close an idle connection just as the question comes
};

/** Counts the rows that are written in a database from now on, whoever writes them. */
export async function countWrites(db: D1Database): Promise<{ stop(): Promise<number> }> {
  const first = await changesOf(db);
  let [last, written] = [await changesOf(db), 0];
  const own = last - first; // the runtime's D1 writes something itself for each question
  const look = async () => {
    const changes = await changesOf(db);
    written += changes - own - (changes < last ? 0 : last); // a new connection begins at 0
    last = changes;
  };
  let looking = Promise.resolve();
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
