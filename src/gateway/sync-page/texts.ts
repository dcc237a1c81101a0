/** What the page says. The keys of `states` are the states of its script. */
export interface Texts {
  title: string;
  user: string;
  begin: string;
  code: string;
  open: string;
  orScan: string;
  again: string;
  noScript: string;
  states: Record<string, string>;
}

const en: Texts = {
  title: "Sync your app",
  user: "User id",
  begin: "Show the code",
  code: "QR code for the app",
  open: "Open the app",
  orScan: "or scan with another phone",
  again: "Try again",
  noScript: "This page needs JavaScript.",
  states: {
    ask: "Enter your user id to get a code for the app.",
    starting: "One moment…",
    scan: "Scan this code in the app.",
    paused: "Scanned. Enter your password on the phone.",
    done: "Done. Your app is synced.",
    timeout: "Time is up: nobody scanned the code.",
    unanswered: "Time is up: no password was entered on the phone.",
    refused: "This session is not valid any more.",
    locked: "Too many wrong passwords.",
    ended: "This session was ended. Look at the phone, or try again.",
    taken: "This code is already shown in another window.",
    lost: "The connection was lost. Connecting again…",
    offline: "No connection.",
    unknown: "This user id cannot be used.",
    unavailable: "Sync is not available now.",
  },
};

const ru: Texts = {
  title: "Синхронизация",
  user: "Идентификатор пользователя",
  begin: "Показать код",
  code: "QR-код для приложения",
  open: "Открыть приложение",
  orScan: "или отсканируйте другим телефоном",
  again: "Ещё раз",
  noScript: "Для этой страницы нужен JavaScript.",
  states: {
    ask: "Введите свой идентификатор, чтобы получить код для приложения.",
    starting: "Секунду…",
    scan: "Отсканируйте этот код в приложении.",
    paused: "Код отсканирован. Введите пароль на телефоне.",
    done: "Готово. Приложение синхронизировано.",
    timeout: "Время вышло: код никто не отсканировал.",
    unanswered: "Время вышло: пароль на телефоне не введён.",
    refused: "Этот сеанс уже недействителен.",
    locked: "Слишком много неверных паролей.",
    ended: "Сеанс завершён. Посмотрите на телефон или попробуйте ещё раз.",
    taken: "Этот код уже показан в другом окне.",
    lost: "Связь прервалась. Подключаемся снова…",
    offline: "Нет связи.",
    unknown: "Такой идентификатор не подходит.",
    unavailable: "Синхронизация сейчас недоступна.",
  },
};

export const TEXTS = { en, ru };
