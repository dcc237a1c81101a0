import { type Context, Hono } from "hono";
import * as z from "zod";
import { body, clientAddress } from "#platform/http.ts";
import { findItems, listItems, removeItem, setItem } from "#premises/smart-home/items.ts";
import { bindNode, listNodes, unbindNode } from "#premises/smart-home/nodes.ts";
import type { Outcome } from "#premises/smart-home/outcome.ts";
import { listRooms, removeRoom, setRoom } from "#premises/smart-home/rooms.ts";
import { describe, ok, type ResidentEnv, signedIn } from "./envelope.ts";
import { ItemView, itemView, NodeView, nodeView, RoomView, roomView, SetNodeView } from "./sh-views.ts";
import { ItemRequest, ItemsRequest, NodeRequest, OneNode, OneRoom, RoomRequest } from "./sh-wire.ts";
import { languageOf, textOf } from "./texts.ts";
import { OneHome } from "./wire.ts";

/** POST /api/sh/…: the smart home of the operator's own edition of the app (docs/contracts.md, "The apps"). */
export const sh = new Hono<ResidentEnv>();

/** HTTP 200 whatever came of it: the body's `code` says 200 or, for a refusal with its sentence in `name`, 201. */
function tell(c: Context, { done, reason, text }: Outcome, data?: object) {
  const name = text || (done ? "OK" : textOf(reason, 404, languageOf(c)).message);
  return c.json({ code: done ? 200 : 201, name, message: "Хорошо", ...(data && { data }) });
}

const Told = z.object({}).optional();

sh.post("/getNode", describe("List my controllers", z.array(NodeView)), signedIn("edge"), body(OneHome), async (c) => {
  const nodes = await listNodes(c.env, c.var.resident, c.req.valid("json").uid);
  return ok(c, nodes.map(nodeView));
});

sh.post("/setNode", describe("Connect a controller", SetNodeView), signedIn("strict"), body(NodeRequest), async (c) => {
  const { uid, node, name } = c.req.valid("json");
  const { node: bound, ...outcome } = await bindNode(c.env, c.var.resident, uid, { node, name }, clientAddress(c));
  const data = bound && { nodeUuid: bound.id, nodeError: 0, nodeNeedUpgrade: bound.needsUpgrade };
  return tell(c, outcome, data);
});

sh.post("/delNode", describe("Disconnect a controller", Told), signedIn("strict"), body(OneNode), async (c) => {
  const { uid, nodeUuid } = c.req.valid("json");
  return tell(c, await unbindNode(c.env, c.var.resident, uid, nodeUuid));
});

sh.post("/getRooms", describe("List my rooms", z.array(RoomView)), signedIn("edge"), body(OneHome), async (c) => {
  const rooms = await listRooms(c.env, c.var.resident, c.req.valid("json").uid);
  return ok(c, rooms.map(roomView));
});

sh.post("/setRoom", describe("Make, rename or move a room", Told), signedIn("strict"), body(RoomRequest), async (c) => {
  const { uid, ...room } = c.req.valid("json");
  return tell(c, await setRoom(c.env, c.var.resident, uid, room));
});

sh.post("/delRoom", describe("Remove an empty room", Told), signedIn("strict"), body(OneRoom), async (c) => {
  const { uid, roomId } = c.req.valid("json");
  return tell(c, await removeRoom(c.env, c.var.resident, uid, roomId));
});

sh.post("/getItems", describe("List my devices", z.array(ItemView)), signedIn("edge"), body(OneHome), async (c) => {
  const items = await listItems(c.env, c.var.resident, c.req.valid("json").uid);
  return ok(c, items.map(itemView));
});

sh.post("/newItems", describe("Look for new devices", Told), signedIn("strict"), body(OneNode), async (c) => {
  const { uid, nodeUuid } = c.req.valid("json");
  return tell(c, await findItems(c.env, c.var.resident, uid, nodeUuid));
});

sh.post("/setItem", describe("Rename or move a device", Told), signedIn("strict"), body(ItemRequest), async (c) => {
  const { uid, ...item } = c.req.valid("json");
  return tell(c, await setItem(c.env, c.var.resident, uid, item));
});

sh.post("/delItem", describe("Remove a device", Told), signedIn("strict"), body(ItemsRequest), async (c) => {
  const { uid, ...item } = c.req.valid("json");
  return tell(c, await removeItem(c.env, c.var.resident, uid, item));
});
