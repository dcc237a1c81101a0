import { createHash } from "node:crypto";
import type { Part } from "./tables.ts";

/** All parts of a file but the last are of one size, as R2 demands; and one of them is all that is held in memory. */
export const PART_BYTES = 8 * 1024 * 1024;

/** The file on the media server is not the one that was begun: what R2 has of it is of no use. */
export class SourceChanged extends Error {
  override name = "SourceChanged";
}

interface Options {
  /** The parts that R2 has already. */
  known: readonly Part[];
  /** How many of them the stream begins behind; those that come again are compared. */
  skipped: number;
  /** After each new part: all parts so far. */
  keep(parts: Part[]): Promise<void>;
}

/** Cuts a stream into parts and gives each to R2. What R2 has already is not sent again, and must be the same. */
export class PartWriter {
  readonly #upload: R2MultipartUpload;
  readonly #options: Options;
  readonly #buffer: Uint8Array;
  #filled = 0;
  #number: number;
  #parts: Part[];

  constructor(upload: R2MultipartUpload, options: Options, partBytes = PART_BYTES) {
    this.#upload = upload;
    this.#options = options;
    this.#buffer = new Uint8Array(partBytes);
    this.#number = options.skipped;
    this.#parts = [...options.known];
  }

  async write(chunk: Uint8Array): Promise<void> {
    for (let start = 0; start < chunk.byteLength; ) {
      const piece = chunk.subarray(start, start + this.#buffer.byteLength - this.#filled);
      this.#buffer.set(piece, this.#filled);
      this.#filled += piece.byteLength;
      start += piece.byteLength;
      if (this.#filled === this.#buffer.byteLength) await this.#flush();
    }
  }

  /** Sends what is left and returns all the parts. Throws SourceChanged when the stream was shorter than before. */
  async end(): Promise<Part[]> {
    if (this.#filled > 0) await this.#flush();
    if (this.#number < this.#options.known.length) throw new SourceChanged("the file has become shorter");
    return this.#parts;
  }

  async #flush(): Promise<void> {
    const bytes = this.#buffer.subarray(0, this.#filled);
    const md5 = createHash("md5").update(bytes).digest("hex");
    this.#filled = 0;
    const known = this.#options.known[this.#number];
    this.#number += 1;
    if (known) {
      if (known.md5 !== md5) throw new SourceChanged("the file has changed");
      return;
    }
    const { etag } = await this.#upload.uploadPart(this.#number, bytes);
    this.#parts = [...this.#parts, { etag, size: bytes.byteLength, md5 }];
    await this.#options.keep(this.#parts);
  }
}
