import type { Env } from "#env.ts";
import { type Imported, importControllers } from "#identity/controllers/import.ts";
import type { Actor } from "#identity/journal/journal.ts";

/**
 * Registers units of one or several operators, each where `allow` does not throw; nothing is registered before all are allowed.
 * Answers in the order of the list.
 */
export async function importUnits(
  env: Env,
  units: readonly unknown[],
  preset: string,
  actor: Actor,
  allow: (operator: string) => void,
): Promise<Imported[]> {
  const operatorOf = (unit: unknown): string => {
    const named = (unit as { operator?: unknown } | null)?.operator;
    return typeof named === "string" ? named : preset;
  };
  const operators = [...new Set(units.map(operatorOf))];
  operators.forEach(allow);
  const results: Imported[] = [];
  for (const operator of operators) {
    const places = units.flatMap((unit, place) => (operatorOf(unit) === operator ? [place] : []));
    const some = places.map((place) => units[place]);
    const imported = await importControllers(env, operator, some, actor);
    imported.forEach((result, i) => {
      results[places[i]!] = result;
    });
  }
  return results;
}
