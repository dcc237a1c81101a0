import { AppError, type ErrorCode } from "#platform/errors.ts";

/** What clients may rely on: the symbol, its number, its HTTP status. The texts are for people, and an operator may replace them. */
interface Entry {
  num: number;
  status: number;
  en: string;
  ru: string;
}

const entry = (num: number, status: number, en: string, ru: string): Entry => ({ num, status, en, ru });

/** Every error of Shield, Operations and the gateway. A code is a promise to clients: add one, never rename one. */
export const CATALOGUE = {
  invalid_credentials: entry(1001, 401, "The login or the password is wrong", "Неверный логин или пароль"),
  token_missing: entry(1002, 401, "An access token is needed", "Требуется вход"),
  token_invalid: entry(1003, 401, "The access token is not valid", "Недействительный токен доступа"),
  token_expired: entry(1004, 401, "The access token has expired", "Срок действия токена истёк"),
  session_revoked: entry(1005, 401, "The session has ended", "Сеанс завершён"),
  insufficient_scope: entry(1006, 403, "The token does not cover this", "Токен не даёт такого права"),
  reauthentication_required: entry(1007, 401, "Please confirm who you are once more", "Подтвердите вход ещё раз"),
  code_invalid: entry(1008, 401, "The code is wrong or too old", "Код неверен или устарел"),
  code_exhausted: entry(
    1009,
    429,
    "Too many wrong codes; ask for a new one",
    "Слишком много неверных кодов, запросите новый",
  ),
  target_blocked: entry(1010, 429, "No more codes for this number for now", "Отправка кодов временно приостановлена"),
  resend_too_soon: entry(
    1011,
    429,
    "A new code may be sent in {retry_after} s",
    "Код можно запросить повторно через {retry_after} с",
  ),
  channel_unavailable: entry(1012, 422, "We cannot send a code there", "Отправить код этим способом нельзя"),
  human_check_required: entry(1013, 403, "Please confirm that you are not a robot", "Подтвердите, что вы не робот"),
  method_not_allowed_for_client: entry(1014, 403, "This way to sign in is switched off", "Этот способ входа отключён"),
  invalid_client: entry(1015, 401, "The client is unknown", "Неизвестное приложение"),
  refresh_reused: entry(1016, 400, "The refresh token was used before", "Токен обновления уже использован"),
  password_login_locked: entry(
    1017,
    429,
    "Too many attempts; wait {retry_after} s",
    "Слишком много попыток, подождите {retry_after} с",
  ),
  account_not_active: entry(1018, 403, "The account is not activated", "Учётная запись не активирована"),
  account_banned: entry(1019, 403, "The account is blocked", "Учётная запись заблокирована"),
  session_not_found: entry(1020, 404, "There is no such session", "Такого сеанса нет"),
  mfa_token_invalid: entry(1021, 401, "Please sign in from the beginning", "Начните вход сначала"),
  user_code_invalid: entry(1022, 404, "There is no such code on a screen", "Такого кода на экране нет"),
  totp_invalid: entry(1023, 401, "The authenticator's code is wrong", "Неверный код приложения-аутентификатора"),
  totp_exists: entry(1024, 409, "An authenticator is set up already", "Аутентификатор уже подключён"),
  totp_missing: entry(1025, 409, "No authenticator is set up", "Аутентификатор не подключён"),
  invalid_grant: entry(1026, 400, "The grant is not valid", "Недействительное разрешение"),
  unsupported_grant_type: entry(
    1027,
    400,
    "This grant type is not supported",
    "Такой способ получить токен не поддерживается",
  ),
  invalid_scope: entry(1028, 400, "The scope is more than the client may have", "Запрошено больше прав, чем разрешено"),
  authorization_pending: entry(1029, 400, "Nobody has approved yet", "Вход ещё не подтверждён"),
  slow_down: entry(1030, 400, "Ask less often", "Слишком частые запросы"),
  expired_token: entry(1031, 400, "The code on the screen is too old", "Срок действия кода на экране истёк"),
  account_not_found: entry(2001, 404, "There is no such account", "Такой учётной записи нет"),
  identifier_taken: entry(2002, 409, "It belongs to another account", "Принадлежит другой учётной записи"),
  identifier_invalid: entry(
    2003,
    422,
    "This is no phone or e-mail that we serve",
    "Неверный номер телефона или адрес почты",
  ),
  password_too_weak: entry(2004, 422, "The password is too easy to guess", "Слишком простой пароль"),
  last_identifier: entry(
    2005,
    409,
    "The last phone or e-mail cannot be removed",
    "Нельзя удалить последний телефон или адрес",
  ),
  owner_must_transfer: entry(2006, 409, "Hand your domains over first", "Сначала передайте свои домены"),
  identifier_not_found: entry(2007, 404, "There is no such phone or e-mail", "Такого телефона или адреса нет"),
  confirmation_mismatch: entry(2008, 422, "The confirmation does not match", "Подтверждение не совпадает"),
  acr_too_low: entry(2009, 403, "A session opened with four digits may not do this", "Войдите более надёжным способом"),
  already_in_state: entry(2010, 409, "It is so already", "Уже сделано"),
  device_not_found: entry(3001, 404, "There is no such controller", "Такого контроллера нет"),
  claim_code_invalid: entry(3002, 422, "The serial or the code is wrong", "Неверный серийный номер или код"),
  device_already_claimed: entry(3003, 409, "The controller belongs to somebody", "Контроллер уже привязан"),
  device_banned: entry(3004, 403, "The controller is blocked", "Контроллер заблокирован"),
  device_credential_invalid: entry(3005, 401, "The controller's credential is wrong", "Неверные данные контроллера"),
  device_limit_reached: entry(
    3006,
    409,
    "No more controllers fit into the domain",
    "В домене слишком много контроллеров",
  ),
  device_already_enrolled: entry(3007, 409, "The controller is enrolled already", "Контроллер уже зарегистрирован"),
  domain_not_found: entry(4001, 404, "There is no such domain", "Такого домена нет"),
  role_insufficient: entry(4002, 403, "Your role does not allow this", "Недостаточно прав"),
  invitation_invalid: entry(4003, 404, "There is no such invitation", "Такого приглашения нет"),
  invitation_expired: entry(4004, 410, "The invitation is no longer good", "Срок приглашения истёк"),
  invitation_target_mismatch: entry(4005, 403, "The invitation is for somebody else", "Приглашение адресовано другому"),
  already_member: entry(4006, 409, "Already a member", "Уже участник"),
  domain_full: entry(4007, 409, "The domain is full", "В домене нет места"),
  last_owner: entry(4008, 409, "A domain needs an owner", "У домена должен остаться владелец"),
  device_in_other_domain: entry(4009, 409, "The controller is in another domain", "Контроллер в другом домене"),
  domain_not_empty: entry(4010, 409, "Controllers are still attached", "В домене есть контроллеры"),
  member_not_found: entry(4011, 404, "There is no such member", "Такого участника нет"),
  invitation_limit: entry(4012, 429, "Enough invitations for today", "На сегодня приглашений достаточно"),
  domain_limit_reached: entry(4013, 409, "No more domains of one's own", "У вас слишком много домов"),
  access_denied: entry(5001, 403, "Access is denied", "Доступ запрещён"),
  policy_invalid: entry(5002, 422, "The policy is not valid", "Неверное правило доступа"),
  grantor_lacks_right: entry(5003, 403, "You cannot give what you do not have", "Нельзя передать право, которого нет"),
  policy_version_unreached: entry(5004, 409, "That version has not been reached", "Такой версии правил ещё нет"),
  policy_not_found: entry(5005, 404, "There is no such policy", "Такого правила нет"),
  notification_type_unknown: entry(6001, 422, "Unknown notification", "Неизвестное уведомление"),
  notification_body_invalid: entry(6002, 422, "The notification is not valid", "Неверное уведомление"),
  task_not_found: entry(6003, 404, "There is no such task", "Такой задачи нет"),
  task_not_cancellable: entry(6004, 409, "The task can no longer be cancelled", "Задачу уже нельзя отменить"),
  admin_not_found: entry(7001, 404, "There is no such administrator", "Такого администратора нет"),
  admin_totp_required: entry(7002, 401, "The second step is missing", "Требуется второй шаг входа"),
  admin_totp_invalid: entry(7003, 401, "The code is wrong", "Неверный код"),
  reason_required: entry(7004, 422, "Please say why", "Укажите причину"),
  self_action_forbidden: entry(7005, 409, "Not on yourself", "Нельзя применить к себе"),
  last_superadmin: entry(7006, 409, "The last superadmin stays", "Последнего суперадминистратора удалить нельзя"),
  client_not_found: entry(7007, 404, "There is no such client", "Такого приложения нет"),
  operator_not_found: entry(7008, 404, "There is no such operator", "Такого оператора нет"),
  key_not_found: entry(7009, 404, "There is no such key", "Такого ключа нет"),
  no_other_key: entry(7010, 409, "There is no other key to go on with", "Другого ключа нет"),
  route_unknown: entry(7011, 404, "There is no such route", "Такого маршрута нет"),
  route_overlaps: entry(7012, 422, "Another route covers this", "Пересекается с другим маршрутом"),
  login_taken: entry(7013, 409, "The login is taken", "Логин занят"),
  setup_link_invalid: entry(7014, 401, "The link is used or too old", "Ссылка использована или устарела"),
  reveal_limit: entry(7015, 429, "Enough for today", "Лимит на сегодня исчерпан"),
  message_not_found: entry(7016, 404, "There is no such message", "Такого сообщения нет"),
  config_unavailable: entry(8001, 503, "The service is not configured", "Сервис не настроен"),
  drm_unavailable: entry(8002, 503, "Try again later", "Попробуйте позже"),
  internal_error: entry(9000, 500, "Something went wrong", "Что-то пошло не так"),
  route_not_found: entry(9001, 404, "There is nothing here", "Здесь ничего нет"),
  method_not_allowed: entry(9002, 405, "Not with this method", "Метод не поддерживается"),
  validation_failed: entry(9003, 422, "The request is not valid", "Неверный запрос"),
  malformed_request: entry(9004, 400, "The request cannot be read", "Запрос не разобран"),
  payload_too_large: entry(9005, 413, "The request is too large", "Слишком большой запрос"),
  rate_limited: entry(
    9006,
    429,
    "Too many requests; wait {retry_after} s",
    "Слишком много запросов, подождите {retry_after} с",
  ),
  idempotency_conflict: entry(
    9007,
    409,
    "The key was used for another request",
    "Ключ уже использован для другого запроса",
  ),
  idempotency_in_progress: entry(9007, 409, "The first request is still running", "Первый запрос ещё выполняется"),
  precondition_failed: entry(9008, 412, "It was changed in the meantime", "Данные изменились, обновите"),
  upstream_timeout: entry(9009, 504, "The service behind did not answer in time", "Сервис не ответил вовремя"),
  upstream_unavailable: entry(9010, 502, "The service behind cannot be reached", "Сервис недоступен"),
  maintenance: entry(9011, 503, "Try again later", "Попробуйте позже"),
  unsupported_media_type: entry(9012, 415, "This content type is not read here", "Тип содержимого не поддерживается"),
  precondition_required: entry(9013, 428, "If-Match is needed", "Требуется If-Match"),
  origin_forbidden: entry(9014, 403, "Not from this origin", "Запрос с чужого сайта"),
} satisfies Record<string, Entry>;

export type FailureCode = keyof typeof CATALOGUE;

export const isFailureCode = (code: string): code is FailureCode => Object.hasOwn(CATALOGUE, code);

interface FailureDetails {
  /** Seconds until a repetition may succeed. */
  retryAfter?: number | undefined;
  /** Further members of the answer, beside the standard ones: `{tries_left: 3}`. */
  extra?: Record<string, unknown> | undefined;
  cause?: unknown;
}

const KIND: Record<number, ErrorCode> = {
  401: "unauthenticated",
  403: "forbidden",
  404: "not_found",
  409: "conflict",
  413: "too_large",
  429: "too_many",
  500: "unavailable",
  502: "unavailable",
  503: "unavailable",
  504: "unavailable",
};

/** The error for a code of the catalogue: `throw fail("code_invalid", { extra: { tries_left: 3 } })`. */
export function fail(code: FailureCode, details: FailureDetails = {}): AppError {
  const { status, en } = CATALOGUE[code];
  return new AppError(KIND[status] ?? "invalid", en, { ...details, reason: code, status });
}

/** The catalogue's name for whatever was thrown as an AppError by a part that does not know the catalogue. */
export function failureCodeOf({ reason, code }: AppError): FailureCode {
  if (isFailureCode(reason)) return reason;
  const general: Record<ErrorCode, FailureCode> = {
    invalid: "validation_failed",
    unauthenticated: "token_invalid",
    payment_required: "access_denied",
    forbidden: "access_denied",
    not_found: "route_not_found",
    conflict: "already_in_state",
    too_large: "payload_too_large",
    too_many: "rate_limited",
    unavailable: "maintenance",
  };
  return general[code];
}
