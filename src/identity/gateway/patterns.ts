/** One segment of a pattern: itself, or any one under a name. */
type Step = { literal: string } | { name: string };

/** A path pattern: `/doors/{id}/open`, `/x/bars/*`. */
export interface Pattern {
  steps: Step[];
  /** Ends with `/*`: whatever comes after the steps and a slash, be it nothing. */
  rest: boolean;
}

const LITERAL = /^[A-Za-z0-9._~!$&'()+,=:@-]+$/;
const NAME = /^\{([A-Za-z_]\w{0,31})\}$/;

/** Reads a pattern; undefined for what is none: relative, with an empty or dotted segment, a `*` inside, a name twice. */
export function parsePattern(text: string): Pattern | undefined {
  if (!text.startsWith("/") || text.length > 400) return undefined;
  const parts = text.slice(1).split("/");
  const rest = parts.at(-1) === "*";
  const steps = (rest ? parts.slice(0, -1) : parts).map(stepOf);
  if (steps.length === 0 || !steps.every((step) => step !== undefined)) return undefined;
  const names = steps.flatMap((step) => ("name" in step ? [step.name] : []));
  return new Set(names).size === names.length ? { steps, rest } : undefined;
}

function stepOf(text: string): Step | undefined {
  const name = NAME.exec(text)?.[1];
  if (name !== undefined) return { name };
  return LITERAL.test(text) && text !== "." && text !== ".." ? { literal: text } : undefined;
}

/** What a path (its segments) gives the pattern's names; undefined where they do not fit. */
export function matchPattern(
  { steps, rest }: Pattern,
  segments: readonly string[],
): Record<string, string> | undefined {
  if (rest ? segments.length <= steps.length : segments.length !== steps.length) return undefined;
  const params: Record<string, string> = {};
  for (const [i, step] of steps.entries()) {
    const segment = segments[i]!;
    if ("literal" in step ? step.literal !== segment : segment === "") return undefined;
    if ("name" in step) params[step.name] = segment;
  }
  return params;
}

/** Whether there is a path that both patterns fit. */
export function overlap(a: Pattern, b: Pattern): boolean {
  const [shorter, longer] = a.steps.length <= b.steps.length ? [a, b] : [b, a];
  if (shorter.steps.length < longer.steps.length ? !shorter.rest : shorter.rest !== longer.rest) return false;
  return shorter.steps.every((step, i) => {
    const other = longer.steps[i]!;
    return !("literal" in step && "literal" in other) || step.literal === other.literal;
  });
}

/** The pattern's beginning that is the same in every path: `/x/bars` of `/x/bars/{id}`. */
export function literalPrefix({ steps }: Pattern): string {
  const first = steps.findIndex((step) => "name" in step);
  const literals = first < 0 ? steps : steps.slice(0, first);
  return literals.map((step) => `/${"literal" in step ? step.literal : ""}`).join("");
}

export const namesIn = ({ steps }: Pattern): string[] => steps.flatMap((step) => ("name" in step ? [step.name] : []));
