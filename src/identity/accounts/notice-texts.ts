/** What the owner of an account is told without having asked. */
export type Notice =
  | "new_login"
  | "session_capped"
  | "refresh_reused"
  | "password_changed"
  | "identifier_changed"
  | "banned"
  | "removed_from_domain";

// Each fits into one SMS: 70 characters where it is Cyrillic.

const RU: Record<Notice, string> = {
  new_login: "Вход с нового устройства. Если это не вы, смените пароль.",
  session_capped: "Слишком много устройств: самый давний вход завершён.",
  refresh_reused: "Вход завершён: его могли украсть. Войдите снова.",
  password_changed: "Пароль изменён. Если это не вы, обратитесь в поддержку.",
  identifier_changed: "Телефон или адрес для входа изменён. Не вы? Звоните в поддержку.",
  banned: "Ваша учётная запись заблокирована.",
  removed_from_domain: "Вам закрыли доступ к дому, к которому вас приглашали.",
};

const EN: Record<Notice, string> = {
  new_login: "Somebody signed in on a new device. If that was not you, change your password.",
  session_capped: "Too many devices: the one that you used longest ago was signed out.",
  refresh_reused: "You were signed out: somebody may have stolen your session. Please sign in again.",
  password_changed: "Your password was changed. If that was not you, contact support.",
  identifier_changed: "A phone or e-mail of your account was changed. If that was not you, contact support.",
  banned: "Your account was blocked.",
  removed_from_domain: "You no longer have access to a home that you were invited to.",
};

/** The notice in Russian for those who read it, in English for everybody else. */
export const noticeText = (notice: Notice, lang: string): string =>
  (lang.toLowerCase().startsWith("ru") ? RU : EN)[notice];
