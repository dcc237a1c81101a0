import * as z from "zod";
import { type App, type Body, day, digits, httpUrl, idFor, moment, tf } from "./clients.ts";
import { bankOrder } from "./outside.ts";
import type { World } from "./world.ts";

// Every method that an app calls: how each app writes the call, and what each needs of the answer's `data`.

/** What an answer without data must be: 204; a 200 whose envelope has no data; either; or it may not happen. */
type Emptiness = "204" | "[]" | "either" | "never";

export interface Method {
  path: string;
  /** Its number in the table of the old server, 1 to 132; none for a call that only the apps know. */
  row?: number;
  /** Anybody may call it. */
  isPublic?: boolean;
  /** Changes or ends what the other calls need, so it is made last, by somebody of its own. */
  isLast?: boolean;
  apps: readonly App[];
  body?: (world: World, app: App) => Body;
  /** The shape of `data` that all of the apps need; without one the method answers 204. */
  data?: z.ZodType;
  /** What one app needs beyond. */
  strict?: Partial<Record<App, z.ZodType>>;
  /** What somebody who has nothing gets. */
  empty?: Emptiness;
  /** The `code` of the body where it is not the HTTP status. */
  code?: number;
  /** The refusal that the app waits for. */
  refused?: number;
}

const ALL: readonly App[] = ["android", "ios", "web"];
const PHONES: readonly App[] = ["android", "ios"];
/** Methods of the operator's own edition of the apps, which writes ids as numbers, as Android does. */
const OWN: readonly App[] = ["android"];

const flat = (world: World, app: App) => ({ flatId: idFor(app, world.uid) });
const house = (world: World, app: App) => ({ houseId: idFor(app, world.uid) });

const Names = z.object({ name: z.string(), patronymic: z.string() });

const Door = z.object({
  domophoneId: z.string(), // a number makes iOS drop every door of the house
  doorId: z.int(),
  icon: z.enum(["entrance", "wicket", "gate", "barrier"]),
  name: z.string(),
  entrance: z.string().optional(),
  blocked: z.string().optional(),
});

const Playable = z.object({
  url: httpUrl,
  token: z.string(), // the web app without it asks for `token=undefined`
  serverType: z.enum(["flussonic", "nimble", "macroscop", "forpost", "trassir"]),
  hlsMode: z.enum(["fmp4", "mpegts"]),
  hasSound: z.boolean().optional(),
});
const Camera = Playable.extend({
  id: z.int(),
  name: z.string(),
  lat: z.string().optional(),
  lon: z.string().optional(),
  houseId: z.int().optional(),
});

const Event = z.object({
  date: moment,
  uuid: z.string().min(1),
  mechanizmaDescription: z.string(),
  objectId: z.string(),
  objectType: z.string(),
  objectMechanizma: z.string(),
  event: digits,
  previewType: z.int(), // without it Android loses the whole day
  preview: httpUrl.optional(),
  image: z.string().optional(),
  detail: z.string().optional(),
  detailX: z.object({
    // without it the web app opens no details
    opened: tf.optional(),
    key: z.string().optional(),
    phone: z.string().optional(),
    phone_from: z.string().optional(),
    phone_to: z.string().optional(),
    code: z.string().optional(),
    faceId: z.string().optional(),
    flags: z.array(z.enum(["canLike", "canDislike", "liked"])).optional(),
    face: z.object({ left: z.string(), top: z.string(), width: z.string(), height: z.string() }).optional(),
  }),
});
const EventDay = z.object({ day, events: z.union([z.int(), digits]) });

const Connect = z.object({
  key: z.string(),
  courier: tf,
  address: z.string().optional(),
  houseId: z.string().optional(),
  services: z.string().optional(),
});

const issueV2 = (type: string) => () => ({ type, userName: "Анна", inputAddress: "г. Тула, ул. Мира, д. 3" });

const Item = z.object({
  nodeId: z.string(),
  roomId: z.string().optional(),
  itemId: z.string(),
  type: z.string(),
  vendor: z.string(),
  name: z.string(),
  priority: z.int(),
  visible: z.boolean(),
});

export const METHODS: readonly Method[] = [
  // user
  { path: "user/phonePattern", isPublic: true, apps: ALL, data: z.string().regex(/^\+?\d+\s*.*#/) },
  {
    ...{ path: "user/requestCode", row: 1, isPublic: true, apps: ALL },
    body: (world) => ({ userPhone: world.newPhone() }),
    data: z.object({
      method: z.enum(["sms", "outgoingCall", "flashCall"]),
      confirmationNumbers: z.array(z.string()).min(1).optional(), // an empty list crashes Android
    }),
    strict: { web: z.object({ method: z.enum(["sms", "outgoingCall"]) }) },
  },
  {
    ...{ path: "user/confirmCode", row: 2, isPublic: true, apps: ALL },
    body: (world, app) => ({
      ...world.awaited[app],
      ...(app === "web" && { deviceToken: "0a1b2c3d4e5f", platform: "2" }),
    }),
    data: z.object({ accessToken: z.string().min(1), names: Names }),
  },
  {
    // "not yet": it is asked again and again until the call has come
    ...{ path: "user/checkPhone", isPublic: true, apps: ALL, refused: 401 },
    body: (world) => ({ userPhone: world.newPhone() }),
  },
  { path: "user/ping", row: 6, apps: ["web"] },
  {
    ...{ path: "user/appVersion", row: 3, apps: PHONES },
    body: (_, app) => ({ version: "64", platform: app }),
    data: z.enum(["none", "upgrade", "force_upgrade"]),
  },
  {
    ...{ path: "user/registerPushToken", row: 4, apps: ALL },
    body: (_, app) =>
      ({
        android: { pushToken: "android-token-0123456789", pushService: "fcm", platform: "android" },
        ios: {
          pushToken: "ios-token-0123456789",
          type: 3,
          platform: "ios",
          production: "t",
          voipToken: "voip-0123456789",
        },
        web: { pushToken: "web-token-0123456789", platform: "web" },
      })[app],
  },
  { path: "user/pushTokens", row: 5, apps: PHONES, data: z.object({ pushToken: z.string(), voipToken: z.string() }) },
  { path: "user/notification", row: 7, apps: ALL, data: z.object({ money: tf, enable: tf }) },
  { path: "user/sendName", row: 8, apps: ALL, body: () => ({ name: "Анна", patronymic: "Петровна" }) },
  { path: "user/getName", apps: ["web"], data: Names.extend({ last: z.string() }) },
  {
    ...{ path: "user/sendPassport", row: 9, apps: OWN },
    body: (world, app) => ({ ...house(world, app), passport: world.photo }),
  },
  {
    ...{ path: "user/addMyPhone", row: 10, apps: PHONES },
    body: (world) => ({ login: world.otherLogin, password: world.otherPassword, notification: "t" }),
  },
  {
    ...{ path: "user/restore", row: 11, apps: PHONES },
    body: (world) => ({ contract: world.otherLogin }),
    data: z.array(z.object({ id: z.string(), contact: z.string(), type: z.enum(["phone", "email"]) })),
  },
  {
    ...{ path: "user/getBillingList", row: 12, apps: OWN },
    data: z.array(
      z.object({
        ...{ login: z.string(), address: z.string(), balans: z.number(), payment: z.number() },
        ...{ internet: z.string(), internetdata: z.string(), internet_data: z.string() },
        ...{ tv: z.string(), tvdata: z.string(), phone: z.string(), phonedata: z.string() },
        ...{ cams: z.string(), camsdata: z.string(), camsname: z.string(), cams_name: z.string() },
        ...{ invoice: z.boolean(), detail: z.boolean(), receipt: z.boolean() },
      }),
    ),
  },
  {
    ...{ path: "user/getPaymentsList", row: 13, apps: PHONES, empty: "either" },
    data: z.array(
      z.object({
        ...{ address: z.string(), houseId: z.string().optional(), flatId: z.string().optional() },
        accounts: z.array(
          z.object({
            ...{ clientId: z.string(), contractName: z.string(), contractPayName: z.string(), blocked: tf },
            ...{ balance: z.number(), bonus: z.number(), payAdvice: z.number().optional() },
            ...{ services: z.array(z.string()), clientName: z.string().optional() },
            ...{ lcab: httpUrl.optional(), lcabPay: httpUrl.optional() },
          }),
        ),
      }),
    ),
  },

  // address
  {
    ...{ path: "address/getAddressList", row: 14, apps: ALL, empty: "204" },
    data: z.array(
      z.object({
        ...{ houseId: z.string(), address: z.string(), cctv: z.int(), hasPlog: tf, doors: z.array(Door) },
      }),
    ),
  },
  {
    ...{ path: "address/getSettingsList", row: 15, apps: ALL, empty: "204" },
    data: z.array(
      z.object({
        ...{ address: z.string(), services: z.array(z.string()), houseId: z.string(), flatId: z.string() },
        ...{ flatNumber: z.string(), clientId: z.string(), contractName: z.string() },
        ...{ contractOwner: tf, hasPlog: tf, hasGates: tf },
        roommates: z
          .array(z.object({ phone: z.string(), expire: moment, type: z.enum(["inner", "outer", "owner"]) }))
          .optional(),
      }),
    ),
  },
  {
    ...{ path: "address/intercom", row: 16, apps: ALL, body: flat },
    data: z.object({
      ...{ allowDoorCode: tf, CMS: tf, VoIP: tf, autoOpen: moment, doorCode: z.string().optional() },
      whiteRabbit: z.enum(["0", "1", "2", "3", "5", "7", "10"]),
      ...{
        FRSDisabled: tf.optional(),
        paperBill: tf.optional(),
        disablePlog: tf.optional(),
        hiddenPlog: tf.optional(),
      },
    }),
  },
  {
    ...{ path: "address/openDoor", row: 17, apps: ALL },
    body: ({ lock, doorId }, app) => ({
      domophoneId: idFor(app, lock),
      ...(app !== "web" && { doorId }), // the web app's call screen names none
    }),
  },
  {
    ...{ path: "address/plog", row: 18, apps: ALL, empty: "204" },
    body: (world, app) => ({ ...flat(world, app), day: world.today }),
    data: z.array(Event).min(1),
  },
  {
    ...{ path: "address/plogDays", row: 19, apps: ALL, empty: "204" },
    body: (world, app) => ({
      ...flat(world, app),
      ...{ android: { events: "2, 1, 3, 4" }, ios: { events: "4" }, web: {} }[app],
    }),
    data: z.array(EventDay).min(1),
  },
  { path: "address/resetCode", row: 20, apps: ALL, body: flat, data: z.object({ code: z.int() }) },
  {
    ...{ path: "address/access", row: 21, apps: PHONES },
    body: (world, app) => ({ ...flat(world, app), guestPhone: world.guestPhone, type: "outer", clientId: world.login }),
  },
  {
    ...{ path: "address/resend", row: 22, apps: PHONES },
    body: (world, app) => ({ ...flat(world, app), guestPhone: world.invited[app] }),
  },
  {
    ...{ path: "address/registerQR", row: 23, apps: PHONES },
    body: (world) => ({ QR: world.qrCode }),
    data: z.string().min(1),
  },
  {
    ...{ path: "address/offices", row: 24, apps: PHONES, empty: "[]" },
    data: z.array(z.object({ lat: z.number(), lon: z.number(), address: z.string(), opening: z.string() })).min(1),
  },
  {
    ...{ path: "address/getHcsList", row: 25, apps: OWN, empty: "either" },
    data: z.array(z.object({ houseId: z.string(), address: z.string() })),
  },

  // cctv
  {
    ...{ path: "cctv/all", row: 26, apps: ALL, empty: "204" },
    body: (world, app) => ({ android: house(world, app), ios: {}, web: undefined })[app],
    data: z.array(Camera).min(1),
  },
  { path: "cctv/overview", row: 32, apps: ALL, data: z.array(Camera).min(1) },
  {
    ...{ path: "cctv/allTree", apps: PHONES, empty: "204", body: house },
    data: z.object({
      ...{ groupId: z.string().optional(), groupName: z.string().optional(), type: z.enum(["map", "list"]).optional() },
      ...{ childGroups: z.array(z.unknown()), cameras: z.array(Camera).min(1) },
    }),
  },
  {
    ...{ path: "cctv/camMap", row: 27, apps: PHONES, empty: "204" },
    data: z.array(Playable.extend({ id: z.string(), frs: tf, entranceId: z.string().optional() })).min(1),
  },
  {
    ...{ path: "cctv/door", row: 28, apps: OWN },
    body: (world, app) => ({ ...house(world, app), doorId: world.doorId }),
    data: Playable.extend({ doorId: z.int(), name: z.string() }),
  },
  {
    ...{ path: "cctv/ranges", row: 29, apps: ALL },
    body: (world, app) => ({ cameraId: idFor(app, world.camera) }),
    data: z
      .array(z.object({ stream: z.string(), ranges: z.array(z.object({ from: z.int(), duration: z.int() })).min(1) }))
      .min(1),
  },
  {
    ...{ path: "cctv/recPrepare", row: 30, apps: ALL },
    body: (world, app) => ({ id: idFor(app, world.camera), from: world.rangeFrom, to: world.rangeTo }),
    data: z.int(),
  },
  {
    ...{ path: "cctv/recDownload", row: 31, apps: ALL },
    body: (world, app) => ({ id: idFor(app, world.fragment) }),
    data: z.string().regex(/^https?:\/\/[^?]+\/[A-Za-z0-9_.-]+\.mp4(\?.*)?$/),
  },
  {
    ...{ path: "cctv/youtube", row: 33, apps: PHONES, empty: "either" },
    data: z.array(
      z.object({
        ...{ id: z.int(), eventTime: moment, title: z.string(), description: z.string(), url: httpUrl },
        ...{ thumbnailsDefault: httpUrl, thumbnailsMedium: httpUrl, thumbnailsHigh: httpUrl },
      }),
    ),
  },
  {
    ...{ path: "cctv/plog", row: 34, apps: OWN },
    body: (world, app) => ({ ...house(world, app), camId: world.camera, day: world.today }),
    data: z.array(z.record(z.string(), z.unknown())).min(1),
  },
  {
    ...{ path: "cctv/plogDays", row: 35, apps: OWN },
    body: (world, app) => ({ ...house(world, app), camId: world.camera }),
    data: z.array(EventDay).min(1),
  },

  // ext, frs, geo
  {
    ...{ path: "ext/options", apps: PHONES },
    data: z.object({
      ...{ cityCams: tf, payments: tf, chat: tf, timeZone: z.string().min(1) },
      ...{ guestAccess: z.enum(["turnOnOnly", "turnOnAndOff"]), cctvView: z.enum(["list", "tree", "userDefined"]) },
      activeTab: z.enum(["addresses", "notifications", "chat", "pay", "menu"]),
      issuesVersion: z.enum(["1", "2"]),
      ...{ paymentsUrl: httpUrl.optional(), chatUrl: httpUrl.optional(), supportPhone: z.string().optional() },
      chatOptions: z.object({ id: z.string(), domain: z.string(), token: z.string() }).optional(),
    }),
  },
  {
    ...{ path: "ext/list", row: 36, apps: PHONES, empty: "either" },
    data: z
      .array(
        z.object({
          caption: z.string(),
          icon: z.string(),
          extId: z.string(),
          order: z.int(),
          highlight: tf.optional(),
        }),
      )
      .min(1),
  },
  {
    ...{ path: "ext/ext", row: 37, apps: PHONES, body: () => ({ extId: "weather" }) },
    data: z.object({ basePath: z.string(), code: z.string().min(1), version: z.int().optional() }),
  },
  {
    ...{ path: "frs/listFaces", row: 40, apps: ALL, body: flat },
    data: z.array(z.object({ faceId: digits, image: httpUrl })).min(1),
  },
  {
    ...{ path: "frs/like", row: 38, apps: ALL },
    body: (world, app) => ({ event: world.faceEvents[app], ...(app === "android" && { comment: "" }) }),
    data: z.object({ faceId: z.union([digits, z.int()]) }).optional(),
  },
  {
    ...{ path: "frs/disLike", row: 39, apps: ALL },
    body: (world, app) => ({ ...flat(world, app), faceId: idFor(app, world.faces[app]) }),
  },
  {
    ...{ path: "geo/getAllLocations", row: 43, apps: PHONES },
    data: z.array(z.object({ locationId: z.string(), name: z.string() })).min(1),
  },
  {
    ...{
      path: "geo/getStreets",
      row: 47,
      apps: PHONES,
      body: ({ locationId: id }, app) => ({ locationId: idFor(app, id) }),
    },
    data: z.array(z.object({ streetId: z.string(), name: z.string(), type: z.string() })).min(1),
  },
  {
    ...{
      path: "geo/getHouses",
      row: 45,
      apps: PHONES,
      body: ({ streetId: id }, app) => ({ streetId: idFor(app, id) }),
    },
    data: z.array(z.object({ houseId: z.string(), number: z.string() })).min(1),
  },
  {
    ...{
      path: "geo/getServices",
      row: 46,
      apps: PHONES,
      body: ({ placeId: id }, app) => ({ houseId: idFor(app, id) }),
    },
    data: z
      .array(z.object({ icon: z.string(), title: z.string(), description: z.string(), byDefault: tf, canChange: tf }))
      .min(1),
  },
  { path: "geo/getAllServices", row: 44, apps: OWN, data: z.array(z.object({ icon: z.string(), title: z.string() })) },
  {
    ...{ path: "geo/address", row: 41, apps: ["ios"], body: ({ placeId: id }, app) => ({ houseId: idFor(app, id) }) },
    data: z.object({ address: z.string() }),
  },
  {
    ...{ path: "geo/coder", row: 42, apps: PHONES, body: (world) => ({ address: world.geoAddress }) },
    data: z.object({ lat: z.string(), lon: z.string(), address: z.string() }),
  },

  // inbox
  {
    path: "inbox/alert",
    row: 53,
    apps: OWN,
    data: z.looseObject({ title: z.string(), text: z.string() }),
    empty: "either",
  },
  { path: "inbox/inbox", row: 48, apps: ALL, data: z.object({ basePath: httpUrl, code: z.string().regex(/<html/i) }) },
  { path: "inbox/unreaded", row: 49, apps: PHONES, data: z.object({ count: z.int(), chat: z.int() }) },
  { path: "inbox/readed", row: 50, apps: OWN },
  { path: "inbox/delivered", row: 51, apps: ["ios"], body: (world) => ({ messageId: String(world.messageId) }) },
  { path: "inbox/chatReaded", row: 52, apps: ["ios"] },

  // issues
  {
    ...{ path: "issues/create", row: 54, apps: PHONES, data: z.string().min(1) },
    body: (_, app) => ({
      issue: {
        ...{ project: "REM", summary: "Авто: звонок", description: `Перезвоните (${app})` },
        type: app === "android" ? 32 : "32",
      },
      customFields: { "10011": "-1", "11841": "79161230001", "10743": "54,19", "10744": "37,61" },
      actions: ["Начать работу", "Менеджеру ВН"],
    }),
  },
  { path: "issues/listConnect", row: 55, apps: PHONES, empty: "204", data: z.array(Connect).min(1) },
  {
    ...{ path: "issues/comment", row: 57, apps: PHONES },
    body: (world) => ({ key: world.issue, comment: "Заеду в офис" }),
  },
  {
    ...{ path: "issues/action", row: 56, apps: PHONES },
    body: (world) => ({
      ...{ key: world.issue, action: "Jelly.Способ доставки" },
      customFields: [{ number: "10941", value: "Курьер" }],
    }),
  },
  { path: "issues/createV2", apps: PHONES, body: issueV2("requestCallback"), data: z.string().min(1) },
  { path: "issues/listConnectV2", apps: PHONES, empty: "204", data: z.array(Connect).min(1) },
  {
    ...{ path: "issues/actionV2", apps: PHONES },
    body: (world, app) => ({
      ...{ key: world.issue, action: "changeQRDeliveryType" },
      ...(app === "ios" ? { customFields: "office" } : { deliveryType: "office" }),
    }),
  },
  { path: "issues/commentV2", apps: PHONES, body: (world) => ({ key: world.issue, comment: "Спасибо" }) },

  // payments
  {
    ...{ path: "pay/prepare", row: 60, apps: PHONES, data: digits },
    body: (world, app) => ({ clientId: world.login, amount: app === "ios" ? "65000.0" : "65000" }),
  },
  {
    ...{ path: "pay/register", row: 62, apps: PHONES },
    body: (world, app) => ({ orderNumber: world.orders[app], amount: app === "ios" ? "65000" : 65000 }),
    data: z.object({ orderId: z.string(), formUrl: httpUrl }),
  },
  {
    ...{ path: "pay/process", row: 61, apps: PHONES, data: z.string().min(1) },
    body: (world, app) => ({ paymentId: world.orders[app], sbId: bankOrder(world.orders[app]) }),
  },
  {
    ...{
      path: "pay/getDetail",
      row: 63,
      apps: OWN,
      body: (world) => ({ clientId: world.login, year: world.today.slice(0, 4) }),
    },
    data: z
      .array(
        z.object({
          ...{ id: z.int(), sum: z.number(), dsc: z.string() },
          date: z.string().regex(/^\d\d:\d\d \d\d\.\d\d\.\d{4}$/),
        }),
      )
      .min(1),
  },
  {
    ...{ path: "pay/getInvoice", row: 64, apps: OWN, body: (world) => ({ clientId: world.login, amount: 650 }) },
    data: z.object({ invoice: z.base64().startsWith("JVBERi0"), number: z.string(), date: z.string() }),
  },
  {
    ...{
      path: "pay/getReceipt",
      row: 65,
      apps: OWN,
      body: (world) => ({ clientId: world.login, receiptId: world.entry }),
    },
    data: z.object({ receipt: z.base64().startsWith("JVBERi0"), number: z.string(), date: z.string() }),
  },

  // sip, hcs, sh
  {
    ...{ path: "sip/helpMe", row: 58, apps: OWN },
    data: z.object({
      ...{ server: z.string(), port: z.int(), transport: z.enum(["udp", "tcp", "tls"]) },
      ...{ extension: z.string(), pass: z.string(), dial: z.string() },
    }),
  },
  {
    ...{ path: "hcs/appealsCategory", row: 69, apps: OWN },
    data: z.array(z.object({ categoryId: z.int(), categoryName: z.string() })).min(1),
  },
  {
    ...{ path: "hcs/newAppeal", row: 71, apps: OWN, code: 204 },
    body: (world, app) => ({
      ...house(world, app),
      ...{ type: String(world.category), description: "Не работает лифт", createdDoc: world.photo },
    }),
  },
  {
    ...{ path: "hcs/appealsList", row: 70, apps: OWN, body: house },
    data: z
      .array(
        z.object({
          ...{ appealsId: z.int(), createdUtc: moment, type: z.string(), description: z.string(), status: z.int() },
          createdDoc: z.union([httpUrl, z.literal("")]),
          statusDescription: z.array(z.object({ stDesc: z.string(), stUtc: moment })),
          workerDescription: z.array(z.object({ wrDoc: z.string(), wrDesc: z.string(), wrUtc: moment })),
        }),
      )
      .min(1),
  },
  {
    ...{ path: "hcs/listPay", row: 72, apps: OWN, body: house },
    data: z
      .array(
        z.object({
          ...{ name: z.string(), client: z.string(), paymentlink: z.string(), fakeLink: z.boolean() },
          ...{ balance: z.int(), amount: z.int(), currentpayment: z.int(), arrears: z.int() },
        }),
      )
      .min(1),
  },
  {
    ...{ path: "sh/setNode", row: 77, apps: OWN },
    body: (world, app) => ({ ...house(world, app), nodeType: "hub", nodeName: "Дом", nodeKey: world.nodeMac }),
    data: z.object({ nodeUuid: z.string(), nodeError: z.literal(0), nodeNeedUpgrade: z.boolean() }),
  },
  {
    ...{ path: "sh/getNode", row: 76, apps: OWN, body: house },
    data: z.array(z.object({ nodeUuid: z.string(), nodeType: z.string(), nodeName: z.string() })).min(1),
  },
  {
    ...{ path: "sh/setRoom", row: 80, apps: OWN, code: 200 },
    body: (world, app) => ({ ...house(world, app), roomId: "kitchen", name: "Кухня", priority: 1, visible: true }),
  },
  {
    ...{ path: "sh/getRooms", row: 79, apps: OWN, body: house },
    data: z.array(z.object({ roomId: z.string(), name: z.string(), priority: z.int(), visible: z.boolean() })).min(1),
  },
  {
    ...{ path: "sh/setItem", row: 84, apps: OWN, code: 200 },
    body: (world, app) => ({
      ...{ ...house(world, app), nodeId: world.node, roomId: "kitchen", itemId: "lamp-1" },
      ...{ type: "lamp", name: "Люстра", vendor: "acme", priority: 1, visible: true },
    }),
  },
  { path: "sh/getItems", row: 82, apps: OWN, body: house, data: z.array(Item).min(1) },
  {
    ...{ path: "sh/newItems", row: 83, apps: OWN, code: 200 },
    body: (world, app) => ({ ...house(world, app), nodeUuid: world.node }),
  },
  {
    ...{ path: "sh/delItem", row: 85, apps: OWN, code: 200 },
    body: (world, app) => ({ ...house(world, app), nodeUuid: world.node, itemId: "lamp-1" }),
  },
  {
    ...{ path: "sh/delRoom", row: 81, apps: OWN, code: 200 },
    body: (world, app) => ({ ...house(world, app), roomId: "kitchen" }),
  },
  {
    ...{ path: "sh/delNode", row: 78, apps: OWN, code: 200 },
    body: (world, app) => ({ ...house(world, app), nodeUuid: world.node }),
  },

  { path: "user/deleteAccount", apps: ["ios"], isLast: true },
];
