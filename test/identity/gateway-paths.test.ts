import * as fc from "fast-check";
import { expect, test } from "vitest";
import { pathOf, segmentsOf } from "#identity/gateway/paths.ts";
import { matchPattern, overlap, type Pattern, parsePattern } from "#identity/gateway/patterns.ts";

const word = fc.constantFrom("a", "b", "c");
const step = fc.oneof(
  word.map((literal) => ({ literal })),
  fc.constant({ name: "x" }),
);
const pattern: fc.Arbitrary<Pattern> = fc.record({
  steps: fc.array(step, { minLength: 1, maxLength: 4 }),
  rest: fc.boolean(),
});
const path = fc
  .tuple(fc.array(word, { minLength: 1, maxLength: 5 }), fc.boolean())
  .map(([segments, slash]) => (slash ? [...segments, ""] : segments));

test("GW-1 no path fits two patterns that do not overlap", () => {
  void fc.assert(
    fc.property(pattern, pattern, path, (a, b, segments) => {
      fc.pre(matchPattern(a, segments) !== undefined && matchPattern(b, segments) !== undefined);
      return overlap(a, b) && overlap(b, a);
    }),
    { numRuns: 2_000 },
  );
});

test("GW-12 for two patterns that overlap there is a path that both fit", () => {
  const filled = (longer: Pattern, other: Pattern): string[] => [
    ...longer.steps.map((each, i) => {
      const beside = other.steps[i];
      if ("literal" in each) return each.literal;
      return beside && "literal" in beside ? beside.literal : "a";
    }),
    ...(longer.rest || (other.rest && other.steps.length === longer.steps.length) ? [""] : []),
  ];
  void fc.assert(
    fc.property(pattern, pattern, (a, b) => {
      fc.pre(overlap(a, b));
      const segments = a.steps.length >= b.steps.length ? filled(a, b) : filled(b, a);
      return matchPattern(a, segments) !== undefined && matchPattern(b, segments) !== undefined;
    }),
    { numRuns: 2_000 },
  );
});

test.each([
  ["/x/bars/*", "/x/bars/7", {}],
  ["/x/bars/*", "/x/bars/", {}],
  ["/x/bars/*", "/x/bars/a/b/", {}],
  ["/x/bars/*", "/x/bars", undefined],
  ["/x/{id}/open", "/x/7/open", { id: "7" }],
  ["/x/{id}/open", "/x/%d0%b4/open", { id: "д" }],
  ["/x/{id}", "/x/7/", undefined],
  ["/x/{id}", "/x/", undefined],
  ["/x/bars", "/x/%62ars", {}],
  ["/x/bars", "/x/Bars", undefined],
  ["/x/{id}", "/x/a/b", undefined],
])("the pattern %s and the path %s", (text, pathname, params) => {
  expect(matchPattern(parsePattern(text)!, segmentsOf(pathname)!)).toEqual(params);
});

test.each([
  "//x",
  "/x//y",
  "/x/%2e%2e/y",
  "/x/%2E/y",
  "/x/a%2fb",
  "/x/a%5cb",
  "/x/a;b=c",
  "/x/..;/y",
  "/x/a%3bb",
  "/x/%252e%252e",
  "/x/a%252fb",
  "/x/a%00",
  "/x/a%0d%0ab",
  "/x/%ff",
  "/x/%zz",
  "/x/7%20",
])("the path %s is nobody's", (pathname) => {
  expect(segmentsOf(pathname)).toBeUndefined();
});

test("a plain path is forwarded in one spelling, and a URL parser reads it back unchanged", () => {
  expect(pathOf(segmentsOf("/x/%62ars/%D0%B4/a%3Ab")!)).toBe("/x/bars/%D0%B4/a:b");
  const written = fc.array(fc.string({ unit: fc.constantFrom(..."aZ0-._~!$&'()*+,:=@ %д😀") }), {
    minLength: 1,
    maxLength: 4,
  });
  void fc.assert(
    fc.property(written, (parts) => {
      const segments = segmentsOf(new URL(`https://a.example/${parts.map(encodeURIComponent).join("/")}`).pathname);
      fc.pre(segments !== undefined);
      const again = new URL(`https://target.example${pathOf(segments!)}`).pathname;
      expect(segmentsOf(again)).toEqual(segments);
      expect(again).toBe(pathOf(segments!));
    }),
  );
});

test.each([
  "x/y",
  "",
  "/",
  "/*",
  "/x//y",
  "/x/../y",
  "/x/*/y",
  "/x/a*",
  "/x/{id}{n}",
  "/{a}/{a}",
  "/x/a;b",
  "/x/%61",
  "/x/",
])("the pattern %s is none", (text) => {
  expect(parsePattern(text)).toBeUndefined();
});
