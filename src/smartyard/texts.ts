import type { Context } from "hono";

export type Language = "ru" | "en";

interface Text {
  ru: string;
  en: string;
  /** The envelope's `name`, where it is not simply the text: clients in the field compare it. */
  name?: string;
}

/** What the apps show, by the reason of a failure. The Russian texts of the old server are part of its wire. */
const TEXTS: Record<string, Text> = {
  no_token: { ru: "Отсутствует токен авторизации", en: "The authorization token is missing" },
  unauthenticated: { ru: "Не авторизован", en: "Not signed in" },
  not_called: { ru: "Звонок ещё не поступил", en: "Your call has not come in yet" },
  invalid: { ru: "Необрабатываемый экземпляр", en: "The request cannot be processed", name: "Unprocessable Entity" },
  too_large: { ru: "Слишком большой запрос", en: "The request is too large", name: "Payload Too Large" },
  too_many: { ru: "Слишком много запросов", en: "Too many requests, please wait", name: "Too Many Requests" },
  wrong_code: { ru: "Пин-код введен неверно", en: "The code is wrong" },
  no_code: { ru: "Код не запрошен или уже не действует", en: "No code was requested, or it has expired" },
  blocked: { ru: "Учётная запись заблокирована", en: "This account is blocked" },
  forbidden: { ru: "Операция запрещена", en: "This is not allowed", name: "Forbidden" },
  payment_required: { ru: "услуга не оплачена", en: "The service is not paid for" },
  not_connected: { ru: "услуга не подключена", en: "The service is not connected" },
  no_door: { ru: "Дверь не найдена", en: "There is no such door" },
  no_camera: { ru: "Камера не найдена", en: "There is no such camera" },
  no_archive: { ru: "Такого архива нет", en: "There is no such archive" },
  no_fragment: { ru: "Фрагмент не найден", en: "There is no such fragment" },
  fragment_failed: {
    ru: "Не удалось получить видео, попробуйте ещё раз",
    en: "The video could not be had, please try again",
  },
  fragment_too_long: { ru: "Установите менее 15 мин.", en: "Set less than 15 min.", name: "Set less than 15 min." },
  sh_no_bridge: {
    ru: "Умный дом пока не подключён к оператору",
    en: "The smart home is not connected to the operator yet",
  },
  sh_silent: { ru: "Контроллер не отвечает", en: "The controller does not answer" },
  sh_refused: { ru: "Контроллер отказал", en: "The controller has refused" },
  sh_node_own: { ru: "Контроллер уже подключён к этому адресу", en: "The controller is already connected here" },
  sh_node_taken: { ru: "Контроллер подключён к другому адресу", en: "The controller is connected elsewhere" },
  sh_node_unknown: { ru: "Контроллер не найден", en: "There is no such controller" },
  sh_node_in_use: { ru: "Сначала удалите устройства контроллера", en: "Remove the devices of the controller first" },
  sh_room_in_use: { ru: "В комнате есть устройства", en: "There are devices in the room" },
  sh_room_unknown: { ru: "Комната не найдена", en: "There is no such room" },
  too_many_faces: { ru: "Слишком много лиц, уберите лишние", en: "Too many faces, remove some first" },
  sh_too_many: { ru: "Больше добавить нельзя", en: "No more can be added" },
  face_unclear: { ru: "Лицо не удалось распознать", en: "The face could not be recognised" },
  faces_off: { ru: "Распознавание лиц выключено в настройках", en: "Face recognition is switched off in the settings" },
  not_found: { ru: "Не найдено", en: "Not found", name: "Not Found" },
  wrong_password: { ru: "Неверный номер договора или пароль", en: "The contract or the password is wrong" },
  too_many_guests: { ru: "Слишком много гостей, удалите кого-нибудь", en: "Too many guests, remove somebody first" },
  conflict: { ru: "Уже существует", en: "It already exists", name: "Conflict" },
  camera_silent: { ru: "Камера не ответила", en: "The camera did not answer" },
  door_silent: { ru: "Дверь не ответила, попробуйте ещё раз", en: "The door did not answer, please try again" },
  bank: { ru: "Ошибка Банка", en: "The bank refused the payment", name: "Error Bank" },
  not_offered: {
    ru: "Оператор не предоставляет эту услугу",
    en: "The operator does not offer this",
    name: "Not Found",
  },
  unavailable: {
    ru: "Сервис временно недоступен",
    en: "The service is temporarily unavailable",
    name: "Service Unavailable",
  },
  internal: { ru: "Что-то пошло не так", en: "Something went wrong", name: "Internal Server Error" },
};
const BY_STATUS: Record<number, string> = {
  400: "invalid",
  403: "forbidden",
  404: "not_found",
  409: "conflict",
  422: "invalid",
  503: "unavailable",
};

/** Name and message of a failure in the reader's language. */
export function textOf(reason: string, status: number, language: Language): { name: string; message: string } {
  const text = TEXTS[reason] ?? TEXTS[BY_STATUS[status] ?? "internal"]!;
  return { name: text.name ?? text[language], message: text[language] };
}

/** The first language of Accept-Language that we speak; Russian when there is none. */
export function languageOf(c: Context): Language {
  const wanted = (c.req.header("accept-language") ?? "").toLowerCase();
  return /(?:^|[,\s])(ru|en)\b/.exec(wanted)?.[1] === "en" ? "en" : "ru";
}
