import * as z from "zod";
import { AnyHome, Switch } from "./wire.ts";

// What the smart home's methods are asked with. Ids there are texts, the app's or the controllers' own.

const text = (max: number) =>
  z
    .union([z.string(), z.number()])
    .transform((value) => String(value).trim())
    .pipe(z.string().max(max));
const Name = text(128).pipe(z.string().min(1));
const TextId = text(64).pipe(z.string().min(1));
const maybe = <S extends z.ZodType>(schema: S) => schema.nullish().transform((value) => value ?? undefined);

/** A place in an order, from 1. */
const Place = z
  .union([
    z.number(),
    z
      .string()
      .regex(/^\s*\d{1,6}\s*$/)
      .transform(Number),
  ])
  .pipe(z.int().min(0).max(100_000));

const Visible = Switch.nullish().transform((on) => on ?? true);

/** A request about one home, with fields beside it. */
function aboutHome<S extends z.ZodRawShape>(fields: S) {
  return AnyHome.in
    .extend(fields)
    .refine(({ flatId, houseId }: { flatId?: unknown; houseId?: unknown }) => (houseId ?? flatId) !== undefined, {
      error: "houseId is needed",
    });
}

const uidOf = ({ flatId, houseId }: { flatId?: number | undefined; houseId?: number | undefined }): number =>
  (houseId ?? flatId)!;

export const OneNode = aboutHome({ nodeUuid: TextId }).transform(({ nodeUuid, ...home }) => ({
  uid: uidOf(home),
  nodeUuid,
}));

export const OneRoom = aboutHome({ roomId: TextId }).transform(({ roomId, ...home }) => ({ uid: uidOf(home), roomId }));

export const NodeRequest = aboutHome({
  nodeType: maybe(text(64)),
  nodeName: Name,
  nodeKey: maybe(text(64)),
  nodeId: maybe(text(64)),
})
  .refine(({ nodeKey, nodeId }) => Boolean(nodeKey || nodeId), { error: "nodeKey or nodeId is needed" })
  .transform(({ nodeKey, nodeId, nodeName, ...home }) => ({
    uid: uidOf(home),
    name: nodeName,
    node: nodeId ? { id: nodeId } : { mac: macOf(nodeKey!) },
  }));

/** `00-11-22…`, `0011.2233.4455` and the like as `00:11:22:33:44:55`; what is no MAC stays itself, and is nobody's. */
function macOf(text: string): string {
  const digits = text.toLowerCase().replace(/[\s:.-]/g, "");
  return /^[0-9a-f]{12}$/.test(digits) ? digits.match(/../g)!.join(":") : text;
}

export const RoomRequest = aboutHome({
  roomId: TextId,
  name: Name,
  priority: maybe(Place),
  visible: Visible,
}).transform(({ roomId, name, priority, visible, ...home }) => ({
  uid: uidOf(home),
  ...{ id: roomId, name, priority, isVisible: visible },
}));

export const ItemRequest = aboutHome({
  nodeId: TextId,
  itemId: TextId,
  roomId: text(64).nullish(),
  type: Name,
  name: Name,
  vendor: maybe(text(128)),
  priority: maybe(Place),
  visible: Visible,
}).transform(({ nodeId, itemId, roomId, type, name, vendor = "", priority, visible, ...home }) => ({
  uid: uidOf(home),
  ...{ nodeId, id: itemId, roomId: roomId || null, type, name, vendor, priority, isVisible: visible },
}));

export const ItemsRequest = aboutHome({ nodeUuid: TextId, itemId: TextId }).transform(
  ({ nodeUuid, itemId, ...home }) => ({ uid: uidOf(home), nodeId: nodeUuid, id: itemId }),
);
