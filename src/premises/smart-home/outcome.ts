/** How a request to the smart home ended: refusals are answers there, with a sentence for the reader. */
export interface Outcome {
  done: boolean;
  /** Names the refusal, for the surface's own sentence; empty when it is done. */
  reason: string;
  /** What the controller itself said. */
  text?: string;
}

export const DONE: Outcome = { done: true, reason: "" };
export const refused = (reason: string): Outcome => ({ done: false, reason });

export const NO_BRIDGE = "sh_no_bridge";
export const SILENT = "sh_silent";
export const REFUSED = "sh_refused";
export const NODE_OWN = "sh_node_own";
export const NODE_TAKEN = "sh_node_taken";
export const NODE_UNKNOWN = "sh_node_unknown";
export const NODE_IN_USE = "sh_node_in_use";
export const ROOM_IN_USE = "sh_room_in_use";
export const ROOM_UNKNOWN = "sh_room_unknown";
export const TOO_MANY = "sh_too_many";
