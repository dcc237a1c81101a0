import * as z from "zod";
import type { ShItem, ShNode, ShRoom } from "#premises/smart-home/tables.ts";

// What the smart home's methods answer. Switches are JSON's own here, unlike everywhere else in the apps.

export const NodeView = z.object({
  nodeUuid: z.string(),
  nodeType: z.string(),
  nodeName: z.string(),
  nodeVendor: z.string(),
  nodeUp: z.boolean(),
  nodeHwVersion: z.string(),
  nodeOsVersion: z.string(),
  nodeSwVersion: z.string(),
  nodeSwDate: z.string(),
  nodeNeedUpgrade: z.boolean(),
});

export const SetNodeView = z.object({ nodeUuid: z.string(), nodeError: z.number(), nodeNeedUpgrade: z.boolean() });

export const nodeView = (node: ShNode): z.input<typeof NodeView> => ({
  nodeUuid: node.id,
  nodeType: node.type,
  nodeName: node.name ?? "",
  nodeVendor: node.vendor,
  nodeUp: node.isUp,
  nodeHwVersion: node.hwVersion,
  nodeOsVersion: node.osVersion,
  nodeSwVersion: node.swVersion,
  nodeSwDate: node.swDate,
  nodeNeedUpgrade: node.needsUpgrade,
});

export const RoomView = z.object({ roomId: z.string(), name: z.string(), priority: z.number(), visible: z.boolean() });

export const roomView = ({ id, name, priority, isVisible }: ShRoom): z.input<typeof RoomView> => ({
  ...{ roomId: id, name, priority, visible: isVisible },
});

export const ItemView = z.object({
  nodeId: z.string(),
  roomId: z.string().optional(),
  itemId: z.string(),
  type: z.string(),
  multitype: z.string().optional(),
  meta: z.string().optional(),
  vendor: z.string(),
  name: z.string(),
  priority: z.number(),
  visible: z.boolean(),
});

export const itemView = (item: ShItem): z.input<typeof ItemView> => ({
  ...{ nodeId: item.nodeId, itemId: item.id, type: item.type, vendor: item.vendor, name: item.name },
  ...{ priority: item.priority, visible: item.isVisible },
  ...(item.roomId !== null && { roomId: item.roomId }),
  ...(item.multitype !== null && { multitype: item.multitype }),
  ...(item.meta !== null && { meta: item.meta }),
});
