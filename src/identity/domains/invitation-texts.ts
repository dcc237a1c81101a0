import { smsShape } from "#messaging/sms-parts.ts";
import type { Operator } from "#operator/operators.ts";

const isRussian = ({ lang }: Pick<Operator, "lang">) => lang.toLowerCase().startsWith("ru");

/**
 * The SMS that brings a link: the first of these that is one SMS, which is 70 characters where one is Cyrillic. So a long base URL
 * costs words and not a second SMS. What comes from people (names, notes) is not in it: it is sent in the operator's name.
 */
export function invitationSms(operator: Pick<Operator, "lang">, link: string): string {
  const latin = [`You are invited to a home: ${link}`, link];
  const texts = isRussian(operator) ? [`Вас приглашают в дом: ${link}`, `В дом: ${link}`, ...latin] : latin;
  return texts.find((text) => smsShape(text).parts === 1) ?? link;
}

export function invitationMail(operator: Pick<Operator, "lang" | "name">, link: string) {
  return isRussian(operator)
    ? {
        subject: `${operator.name}: приглашение`,
        text: `Вас приглашают в дом. Откройте ссылку на телефоне с нашим приложением:\n\n${link}\n\nЕсли вы не ждали приглашения, ничего не делайте.`,
      }
    : {
        subject: `${operator.name}: invitation`,
        text: `You are invited to a home. Open the link on the phone that has our app:\n\n${link}\n\nIf you did not expect this, do nothing.`,
      };
}
