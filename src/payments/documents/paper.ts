import { PDFDocument, type PDFFont, type PDFPage, rgb } from "@cantoo/pdf-lib";
import regular from "./fonts/DejaVuSansCondensed.ttf";
import bold from "./fonts/DejaVuSansCondensed-Bold.ttf";
import { lettersOf, trueType } from "./truetype.ts";

const [WIDTH, HEIGHT] = [595.28, 841.89]; // A4, in points
const MARGIN = 50;
const BLACK = rgb(0, 0, 0);
/** Letters of one paragraph, and lines of one cell: more than a document ever says, and few enough for a page. */
const LONGEST_TEXT = 2_000;
const LONGEST_CELL = 50;

interface Style {
  size?: number;
  isBold?: boolean;
  align?: "left" | "center" | "right";
}

/** A column of a table: its share of the width, its heading and how its cells stand. */
export interface Column {
  share: number;
  heading: string;
  align?: Style["align"];
}

/** An A4 document that is written from the top to the bottom, on as many pages as it takes. Lengths are points. */
export class Paper {
  #y = HEIGHT - MARGIN;
  #page: PDFPage;

  private constructor(
    readonly document: PDFDocument,
    readonly fonts: { regular: PDFFont; bold: PDFFont },
    readonly letters: Set<number>,
  ) {
    this.#page = document.addPage([WIDTH, HEIGHT]);
  }

  static async begin(title: string, at: Date): Promise<Paper> {
    const document = await PDFDocument.create();
    document.registerFontkit(trueType);
    document.setTitle(title);
    document.setProducer("Yardgate");
    document.setCreator("Yardgate");
    document.setCreationDate(at);
    document.setModificationDate(at);
    const [plain, strong] = [new Uint8Array(regular), new Uint8Array(bold)];
    const fonts = { regular: await document.embedFont(plain), bold: await document.embedFont(strong) };
    return new Paper(document, fonts, lettersOf(plain));
  }

  /** One paragraph, broken into lines. */
  text(text: string, style: Style = {}): this {
    const { size = 9 } = style;
    for (const line of this.#lines(text, WIDTH - 2 * MARGIN, style)) {
      this.#room(size * 1.4);
      this.#y -= size * 1.4;
      this.#write(line, { x: MARGIN, width: WIDTH - 2 * MARGIN, y: this.#y }, style);
    }
    return this;
  }

  gap(height: number): this {
    this.#y -= height;
    return this;
  }

  rule(thickness = 1): this {
    this.#y -= 4;
    this.#line([MARGIN, this.#y], [WIDTH - MARGIN, this.#y], thickness);
    this.#y -= 2;
    return this;
  }

  /** A table with its headings; each cell is as high as its text needs. */
  table(columns: readonly Column[], rows: readonly (readonly string[])[]): this {
    this.#row(
      columns.map((column) => ({ ...column, align: "center" as const })),
      columns.map(({ heading }) => heading),
      { isBold: true },
    );
    for (const row of rows) this.#row(columns, row, {});
    return this;
  }

  async bytes(): Promise<Uint8Array> {
    return this.document.save();
  }

  #row(columns: readonly Column[], cells: readonly string[], style: Style): void {
    const [size, padding] = [8.5, 3];
    const total = columns.reduce((sum, { share }) => sum + share, 0);
    const widths = columns.map(({ share }) => ((WIDTH - 2 * MARGIN) * share) / total);
    const texts = cells.map((cell, i) =>
      this.#lines(cell, widths[i]! - 2 * padding, { ...style, size }).slice(0, LONGEST_CELL),
    );
    const height = Math.max(...texts.map((lines) => lines.length)) * size * 1.3 + 2 * padding;
    this.#room(height);
    let x = MARGIN;
    for (const [i, lines] of texts.entries()) {
      const width = widths[i]!;
      this.#page.drawRectangle({ x, y: this.#y - height, width, height, borderColor: BLACK, borderWidth: 0.6 });
      for (const [n, line] of lines.entries()) {
        const place = { x: x + padding, width: width - 2 * padding, y: this.#y - padding - size * (1 + 1.3 * n) };
        this.#write(line, place, { ...style, size, align: columns[i]!.align ?? "left" });
      }
      x += width;
    }
    this.#y -= height;
  }

  /** Begins a page where the next lines would run off this one. */
  #room(height: number): void {
    if (this.#y - height >= MARGIN) return;
    this.#page = this.document.addPage([WIDTH, HEIGHT]);
    this.#y = HEIGHT - MARGIN;
  }

  #line(start: [number, number], end: [number, number], thickness: number): void {
    const [from, to] = [start, end].map(([x, y]) => ({ x, y })) as [{ x: number; y: number }, { x: number; y: number }];
    this.#page.drawLine({ start: from, end: to, thickness, color: BLACK });
  }

  #write(line: string, { x, y, width }: { x: number; y: number; width: number }, style: Style): void {
    const { size = 9, align = "left" } = style;
    const font = this.#font(style);
    const spare = width - font.widthOfTextAtSize(line, size);
    const shift = { left: 0, center: spare / 2, right: spare }[align];
    this.#page.drawText(line, { x: x + shift, y, size, font, color: BLACK });
  }

  #font = ({ isBold = false }: Style): PDFFont => (isBold ? this.fonts.bold : this.fonts.regular);

  /** Broken at spaces, and within a word that is wider than a line. */
  #lines(text: string, width: number, style: Style): string[] {
    const { size = 9 } = style;
    const font = this.#font(style);
    const fits = (line: string) => font.widthOfTextAtSize(line, size) <= width;
    const lines = [""];
    for (const word of this.#writable(text).split(" ")) {
      const longer = lines.at(-1) === "" ? word : `${lines.at(-1)} ${word}`;
      if (fits(longer)) lines[lines.length - 1] = longer;
      else lines.push(...pieces(word, fits));
    }
    return lines.filter((line, i) => line !== "" || i > 0 || lines.length === 1);
  }

  /** What people write may hold anything, й as two signs too; what the fonts lack is a question mark, and a line stays a line. */
  #writable = (text: string): string =>
    [...text.slice(0, LONGEST_TEXT).normalize("NFC").replace(/\s+/g, " ").trim()]
      .map((letter) => (this.letters.has(letter.codePointAt(0)!) ? letter : "?"))
      .join("");
}

function pieces(word: string, fits: (line: string) => boolean): string[] {
  const parts = [""];
  for (const letter of word) {
    const longer = `${parts.at(-1)}${letter}`;
    if (fits(longer)) parts[parts.length - 1] = longer;
    else parts.push(letter);
  }
  return parts;
}
