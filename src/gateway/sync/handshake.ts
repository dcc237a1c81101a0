import { type Env, settings } from "#env.ts";
import { sha256 } from "#platform/crypto.ts";
import { AppError } from "#platform/errors.ts";
import { type Digest, type Digests, digestNamed, rsaOpen, rsaSeal } from "../crypto/oaep.ts";
import { clientKey, serverKey } from "../crypto/rsa-keys.ts";
import { ownOrigin } from "../own-url.ts";
import { keepKeys, newSharedKey, openSharedKey, sealSharedKey } from "../users/keys.ts";
import type { PlatformView } from "../users/platforms.ts";
import { type Verified, verifyUser } from "../users/verify.ts";
import { type Found, type Named, sessionOf } from "./sessions.ts";

const INVALID_SESSION = "invalid session requested";
const NOT_TAKEN = "failed to update user's public key";

/**
 * The first step of two: the app that has scanned a code says its key, and gets ours and where to say the password. Throws AppError `invalid` for a
 * session that is not shown now, one that another app has, and what is no key; then nothing has changed.
 */
export async function shakeHands(env: Env, named: Named, publicKey: string) {
  const { publicPem } = serverKey(env);
  const [theirs, found] = [clientKey(publicKey), sessionOf(env, named)];
  const isTaken = theirs && found && (await found.object.shakeHands(found.touch, pemOf(theirs)));
  if (!isTaken) throw new AppError("invalid", NOT_TAKEN);
  const path = `/v2/sync/users/${encodeURIComponent(named.user)}/sessions/${named.session}`;
  return { public_key: publicPem, verification_url: path };
}

/** What an app sends with its password: base64 of it encrypted to us, and the digests by their names, as it writes them. */
export interface TwoStepPassword {
  password: string;
  decryption_hash?: unknown;
  encryption_hash?: unknown;
}

export interface OneStepPassword {
  password: string;
  public_key: string;
  mgf1ParameterSpec?: unknown;
  hashingAlgorithm?: unknown;
  mgf1ParameterSpec_dec?: unknown;
}

/**
 * The second step of two: the password for a key. Throws AppError `invalid` for a session without a handshake and a password that does not open,
 * `unauthenticated` for a wrong one, and also when nobody can say whether it is right: the apps know no other answer for that.
 */
export async function verifyInTwoSteps(env: Env, named: Named, sent: TwoStepPassword, address: string) {
  const digests = {
    theirs: { label: "sha256", mgf1: digestNamed(sent.decryption_hash, "sha1") },
    ours: { label: "sha256", mgf1: digestNamed(sent.encryption_hash, "sha1") },
  } as const;
  const requestHash = hashOf(sent.password, digests);
  const sync = await verify(env, named, { ...sent, digests, requestHash, address }).catch((error: unknown) => {
    const isRefused = error instanceof AppError && ["unauthenticated", "unavailable"].includes(error.code);
    throw isRefused ? new AppError("unauthenticated", "failed to authenticate", { cause: error }) : error;
  });
  return {
    seeds_url: `${ownOrigin(settings(env))}/seeds`,
    shared_key: sync.sharedKey,
    user_platforms: sync.verified.platforms.saved.map((platform) => withWholeLogo(env, platform)),
  };
}

/**
 * Both steps at once, for apps that know our key already. Their own counts only when the password is right. Throws AppError `invalid` for a key that is
 * none, a session that is not shown now and a password that does not open, `forbidden` for a wrong one and a user of whom we do not
 * know the number's hash, `unavailable` when nobody can say.
 */
export async function verifyInOneStep(env: Env, named: Named, sent: OneStepPassword, address: string) {
  const label = digestNamed(sent.hashingAlgorithm, "sha256");
  const digests = {
    theirs: { label, mgf1: digestNamed(sent.mgf1ParameterSpec, "sha1") },
    ours: { label, mgf1: digestNamed(sent.mgf1ParameterSpec_dec, "sha1") },
  };
  const theirs = clientKey(sent.public_key);
  if (!theirs) throw new AppError("invalid", "missing public key");
  const publicPem = pemOf(theirs);
  const requestHash = hashOf(sent.password, digests, publicPem);
  const password = { ...sent, publicPem, digests, requestHash, address, needsHash: true };
  const { verified, sharedKey } = await verify(env, named, password).catch((error: unknown) => {
    if (!(error instanceof AppError)) throw error;
    if (error.code === "unauthenticated") throw new AppError("forbidden", "", { cause: error });
    // Which host does not answer is not for strangers.
    throw error.code === "unavailable" ? new AppError("unavailable", "", { cause: error }) : error;
  });
  const { saved, unsaved } = verified.platforms;
  return {
    msisdn_hash: verified.msisdnHash,
    shared_key: sharedKey,
    user_platforms: { saved_platforms: saved, unsaved_platforms: unsaved },
  };
}

interface Password {
  password: string;
  /** Of the password to us, and of the key to the app. */
  digests: { theirs: Digests; ours: Digests };
  /** PEM of the app; absent where the handshake has brought it. */
  publicPem?: string;
  requestHash: string;
  address: string;
  /** Refuses a user whose number's hash is unknown. */
  needsHash?: boolean;
}

/** The session is looked at first and the key is written last, so that nobody's key changes for a session that is not theirs. */
async function verify(env: Env, named: Named, sent: Password): Promise<{ verified: Verified; sharedKey: string }> {
  const found = sessionOf(env, named);
  const { requestHash } = sent;
  const attempt = { requestHash, ...(sent.publicPem !== undefined && { publicPem: sent.publicPem }) };
  const admitted = await found?.object.admit(found.touch, attempt);
  if (!found || !admitted) throw new AppError("invalid", INVALID_SESSION);
  const verified = await check(env, named.user, sent).catch(async (error: unknown) => {
    const isWrong = error instanceof AppError && error.code === "unauthenticated";
    await (isWrong ? found.object.fail(found.touch) : found.object.giveBack(found.touch));
    throw error;
  });
  const { publicPem } = admitted;
  return { verified, sharedKey: await grantKey(env, found, verified, { requestHash, publicPem }, sent.digests.ours) };
}

async function check(env: Env, user: string, sent: Password): Promise<Verified> {
  const password = rsaOpen(serverKey(env).privateKey, sent.password, sent.digests.theirs);
  if (password === undefined) throw new AppError("invalid", "error with decryption");
  const verified = await verifyUser(env, user, password, sent.address);
  if (sent.needsHash && verified.msisdnHash === null) throw new AppError("forbidden", "");
  return verified;
}

/** Gives the user the key of this session, and answers it as the app can read it. */
async function grantKey(
  env: Env,
  { object, touch }: Found,
  { userId, msisdnHash }: Verified,
  app: { requestHash: string; publicPem: string },
  digests: Digests,
): Promise<string> {
  const sealed = await sealSharedKey(env, userId, newSharedKey());
  const settled = await object.settle(touch, { ...app, sealed });
  if (!settled) throw new AppError("invalid", INVALID_SESSION);
  const sharedKey = rsaSeal(clientKey(app.publicPem)!, await openSharedKey(env, userId, settled.sealed), digests);
  if (settled.isRepeated) return sharedKey;
  const { publicPem } = app;
  await keepKeys(env, userId, { publicPem, label: digests.label, sealed: settled.sealed, msisdnHash });
  await object.acknowledge(touch);
  return sharedKey;
}

// Apps write one key in several ways.
const pemOf = (key: NonNullable<ReturnType<typeof clientKey>>): string =>
  String(key.export({ type: "spki", format: "pem" })).trim();

const hashOf = (password: string, digests: Record<string, Record<string, Digest>>, publicPem = ""): string =>
  sha256(JSON.stringify([password, digests, publicPem]));

/** A logo that is only a path is one of ours, or of the back end that keeps the users. */
function withWholeLogo(env: Env, platform: PlatformView): PlatformView {
  const config = settings(env);
  const origin = config.GATEWAY_USERS === "http" ? config.GATEWAY_USERS_URL! : ownOrigin(config);
  return platform.logo.startsWith("/") ? { ...platform, logo: origin + platform.logo } : platform;
}
