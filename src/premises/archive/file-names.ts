/** Russian letters as they are written in Latin ones. Both signs are silent. */
const LATIN: Record<string, string> = {
  ...{
    а: "a",
    б: "b",
    в: "v",
    г: "g",
    д: "d",
    е: "e",
    ё: "e",
    ж: "zh",
    з: "z",
    и: "i",
    й: "y",
    к: "k",
    л: "l",
    м: "m",
  },
  ...{ н: "n", о: "o", п: "p", р: "r", с: "s", т: "t", у: "u", ф: "f", х: "kh", ц: "ts", ч: "ch", ш: "sh", щ: "shch" },
  ...{ ъ: "", ы: "y", ь: "", э: "e", ю: "yu", я: "ya", і: "i", ї: "yi", є: "ye", ґ: "g" },
};

/** A name that every phone takes for a file: Latin letters, digits, `_` and `-`, and never a path. */
export function fileName(title: string, from: string, to: string): string {
  const latin = [...title.toLowerCase()].map((letter) => LATIN[letter] ?? letter).join("");
  const plain = latin
    .normalize("NFD")
    .replace(/[^a-z0-9]+/g, "_")
    .replace(/^_+|_+$/g, "")
    .slice(0, 60);
  const time = (text: string) => text.replaceAll(":", "-").replace(" ", "_");
  return `${plain || "camera"}_${time(from)}__${time(to)}.mp4`;
}
