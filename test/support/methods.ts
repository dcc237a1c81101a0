/** Every method of the app that needs a token. */
export const PROTECTED = [
  ...[
    "user/ping",
    "user/appVersion",
    "user/registerPushToken",
    "user/pushTokens",
    "user/sendName",
    "user/getName",
    "user/notification",
  ],
  ...["user/sessions", "user/endSession", "user/endOtherSessions", "user/logout", "user/deleteAccount"],
  ...["address/getAddressList", "address/getSettingsList", "address/intercom", "address/resetCode", "address/openDoor"],
  ...["address/access", "address/resend", "address/getHcsList", "address/offices", "address/registerQR"],
  ...["user/addMyPhone", "user/restore", "user/sendPassport"],
  ...["cctv/all", "cctv/allTree", "cctv/camMap", "cctv/door", "cctv/overview", "ext/options", "ext/list", "ext/ext"],
  ...["inbox/inbox", "inbox/unreaded", "inbox/delivered", "inbox/readed", "inbox/alert", "inbox/chatReaded"],
  ...["chat/messages", "chat/send", "chat/readed", "sip/helpMe"],
  ...["getNode", "setNode", "delNode", "getRooms", "setRoom", "delRoom"].map((method) => `sh/${method}`),
  ...["getItems", "newItems", "setItem", "delItem"].map((method) => `sh/${method}`),
  ...["create", "createV2", "action", "actionV2", "comment", "commentV2"].map((method) => `issues/${method}`),
  ...["issues/listConnect", "issues/listConnectV2", "frs/listFaces", "frs/like", "frs/disLike"],
  ...["hcs/appealsCategory", "hcs/appealsList", "hcs/newAppeal", "hcs/listPay"],
  ...["getAllLocations", "getStreets", "getHouses", "getServices", "getAllServices", "address", "coder"].map(
    (method) => `geo/${method}`,
  ),
  ...["address/plog", "address/plogDays", "cctv/plog", "cctv/plogDays"],
];
