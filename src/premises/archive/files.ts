import type { Env } from "#env.ts";
import { logError } from "#platform/log.ts";

/** Where the file of a fragment stands in R2. */
export const fileKey = (operator: string, id: number): string => `fragments/${operator}/${id}.mp4`;

/**
 * Deletes a fragment's file, or what there is of it. An upload that cannot be ended now is ended by R2 itself: it keeps one
 * that nobody goes on with for a week.
 */
export async function dropFile(
  env: Env,
  { operator, id, uploadId }: { operator: string; id: number; uploadId: string | null },
): Promise<void> {
  const key = fileKey(operator, id);
  if (uploadId !== null) {
    const upload = env.FILES.resumeMultipartUpload(key, uploadId);
    await upload.abort().catch((error: unknown) => logError(`upload of fragment ${id} not ended`, error));
  }
  await env.FILES.delete(key);
}
