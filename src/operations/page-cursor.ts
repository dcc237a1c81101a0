/** Where a list by time goes on: behind the row of this time (ms since 1970) and id. */
export interface After {
  at: number;
  id: string;
}

/** What the list before said; undefined for the beginning, and for what no list has said. */
export function afterIn(cursor: string | undefined): After | undefined {
  const [, at, id] = /^(\d{1,15})_(.+)$/.exec(cursor ?? "") ?? [];
  return at === undefined ? undefined : { at: Number(at), id: id! };
}

/** What the next call says to get what is behind the last of these; null at the end. */
export const cursorAfter = <T extends { id: string }>(rows: readonly T[], limit: number, timeOf: (row: T) => Date) => {
  const last = rows.at(-1);
  return last && rows.length === limit ? `${timeOf(last).getTime()}_${last.id}` : null;
};
