// As much of a TrueType font (OpenType 1.9, the tables cmap, head, hhea, hmtx, OS/2) as a PDF needs to be told: which glyph a letter
// is and how wide. Fonts with the features that a whole font engine is for are not what documents are set in.
import type { PDFDocument } from "@cantoo/pdf-lib";

type Engine = Parameters<PDFDocument["registerFontkit"]>[0];
type Face = Extract<Awaited<ReturnType<Engine["create"]>>, { unitsPerEm: number }>;
type Glyph = ReturnType<Face["layout"]>["glyphs"][number];

/** What pdf-lib asks a font engine for. */
export const trueType: Engine = { create: (bytes) => readFace(bytes) };

/** Whether the face can write this letter. */
export function lettersOf(bytes: Uint8Array): Set<number> {
  return new Set(readFace(bytes).characterSet);
}

function readFace(bytes: Uint8Array): Face {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const tables = tablesOf(view);
  const [head, hhea, os2] = [tables.get("head")!, tables.get("hhea")!, tables.get("OS/2")!];
  const widths = { at: tables.get("hmtx")!, count: view.getUint16(hhea + 34) };
  const glyphs = new Map(
    [...charactersOf(view, tables.get("cmap")!)].map(([codePoint, id]): [number, Glyph] => {
      const advanceWidth = view.getUint16(widths.at + 4 * Math.min(id, widths.count - 1));
      return [codePoint, { id, codePoints: [codePoint], advanceWidth }];
    }),
  );
  const [minX, minY, maxX, maxY] = [36, 38, 40, 42].map((offset) => view.getInt16(head + offset)) as Four;
  const unknown = glyphs.get(63)!; // a question mark
  return {
    postscriptName: "Document",
    unitsPerEm: view.getUint16(head + 18),
    ascent: view.getInt16(hhea + 4),
    descent: view.getInt16(hhea + 6),
    italicAngle: 0,
    capHeight: view.getUint16(os2) >= 2 ? view.getInt16(os2 + 88) : 0,
    xHeight: view.getUint16(os2) >= 2 ? view.getInt16(os2 + 86) : 0,
    bbox: { minX, minY, maxX, maxY, width: maxX - minX, height: maxY - minY },
    characterSet: [...glyphs.keys()],
    glyphForCodePoint: (codePoint) => glyphs.get(codePoint) ?? null,
    layout: (text) => ({ glyphs: [...text].map((letter) => glyphs.get(letter.codePointAt(0)!) ?? unknown) }),
    createSubset() {
      throw new Error("The fonts are cut already");
    },
  };
}

type Four = [number, number, number, number];

/** Where each table begins. */
function tablesOf(view: DataView): Map<string, number> {
  const tag = (at: number) => String.fromCharCode(...[0, 1, 2, 3].map((i) => view.getUint8(at + i)));
  const count = view.getUint16(4);
  const records = Array.from({ length: count }, (_, i) => 12 + 16 * i);
  return new Map(records.map((at) => [tag(at), view.getUint32(at + 8)]));
}

/** Letters and their glyphs, from the subtable of format 4: every letter of the plane that our languages are in. */
function* charactersOf(view: DataView, cmap: number): Generator<[number, number]> {
  const subtables = Array.from({ length: view.getUint16(cmap + 2) }, (_, i) => cmap + view.getUint32(cmap + 8 + 8 * i));
  const table = subtables.find((at) => view.getUint16(at) === 4);
  if (table === undefined) throw new Error("The font has no table of letters that we can read");
  const segments = view.getUint16(table + 6); // twice their number: the length of each list in bytes
  const [ends, starts] = [table + 14, table + 16 + segments];
  for (let i = 0; i < segments; i += 2) {
    const [start, end] = [view.getUint16(starts + i), view.getUint16(ends + i)];
    const delta = view.getUint16(starts + segments + i);
    const place = starts + 2 * segments + i;
    const offset = view.getUint16(place);
    for (let letter = start; letter <= end && letter < 0xffff; letter++) {
      const listed = offset === 0 ? letter : view.getUint16(place + offset + 2 * (letter - start));
      const id = listed === 0 ? 0 : (listed + delta) & 0xffff;
      if (id > 0) yield [letter, id];
    }
  }
}
