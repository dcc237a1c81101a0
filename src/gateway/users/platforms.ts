import * as z from "zod";
import type { Settings } from "#env.ts";
import type { GatewayGrant } from "./tables.ts";

/** A platform as the apps read it. */
export const PlatformView = z.object({
  description: z.record(z.string(), z.string()).catch({}),
  initialization_url: z.string().default(""),
  letter: z.string().default(""),
  logo: z.string().default(""),
  name: z.string(),
  type: z.string().default(""),
});
export type PlatformView = z.output<typeof PlatformView>;

/** Those at which a user has an account that we may use, and all others. */
export interface Platforms {
  saved: PlatformView[];
  unsaved: PlatformView[];
}

type Platform = Settings["GATEWAY_PLATFORMS"][number];

const KNOWN: readonly Platform[] = [
  {
    ...{ name: "gmail", letter: "g", type: "email", protocol: "oauth2" },
    description: {
      en: "Write e-mails from your Gmail address.",
      fr: "Écrivez des e-mails depuis votre adresse Gmail.",
    },
  },
  {
    ...{ name: "twitter", letter: "t", type: "text", protocol: "oauth2" },
    description: { en: "Post short texts on Twitter.", fr: "Publiez de courts textes sur Twitter." },
  },
  {
    ...{ name: "telegram", letter: "T", type: "messaging", protocol: "twofactor" },
    description: {
      en: "Send messages to people on Telegram.",
      fr: "Envoyez des messages à vos contacts sur Telegram.",
    },
  },
];

/** All platforms there are. What the operator says of a known one counts. */
export function platformsOf({ GATEWAY_PLATFORMS }: Pick<Settings, "GATEWAY_PLATFORMS">): readonly Platform[] {
  const own = new Set(GATEWAY_PLATFORMS.map(({ name }) => name));
  return [...KNOWN.filter(({ name }) => !own.has(name)), ...GATEWAY_PLATFORMS];
}

/** The platform that an SMS is for, by the letter that it begins with. */
export const platformOfLetter = (config: Pick<Settings, "GATEWAY_PLATFORMS">, letter: string): Platform | undefined =>
  platformsOf(config).find((platform) => platform.letter === letter);

/** The platforms as a user with these grants sees them. */
export function platformsWith(
  config: Pick<Settings, "GATEWAY_PLATFORMS">,
  grants: readonly Pick<GatewayGrant, "platform">[],
): Platforms {
  const granted = new Set(grants.map(({ platform }) => platform));
  const all = platformsOf(config);
  const having = (isSaved: boolean) => all.filter(({ name }) => granted.has(name) === isSaved).map(view);
  return { saved: having(true), unsaved: having(false) };
}

const view = ({ name, letter, type, description, protocol, logo }: Platform): PlatformView => ({
  description,
  initialization_url: `/platforms/${name}/protocols/${protocol}`,
  letter,
  logo: logo ?? `/v2/platforms/${name}-icon.svg`,
  name,
  type,
});
