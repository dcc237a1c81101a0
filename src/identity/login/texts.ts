import type { Operator } from "#operator/operators.ts";
import type { Challenge } from "./tables.ts";

// What people read beside their code. With six digits each text fits into one SMS: 70 characters where it is Cyrillic. The
// code stands last, where telephones look for it.

type Purpose = Challenge["purpose"];
type Text = (code: string) => string;

const RU: Record<Purpose, Text> = {
  login: (code) => `Никому не сообщайте код входа: ${code}`,
  auto: (code) => `Никому не сообщайте код входа: ${code}`,
  activation: (code) => `Никому не сообщайте код регистрации: ${code}`,
  reset: (code) => `Никому не сообщайте код для смены пароля: ${code}`,
  identifier: (code) => `Никому не сообщайте код подтверждения: ${code}`,
  reauth: (code) => `Никому не сообщайте код подтверждения: ${code}`,
  mfa: (code) => `Никому не сообщайте код входа: ${code}`,
};

const EN: Record<Purpose, Text> = {
  login: (code) => `Tell nobody this sign-in code: ${code}`,
  auto: (code) => `Tell nobody this sign-in code: ${code}`,
  activation: (code) => `Tell nobody this registration code: ${code}`,
  reset: (code) => `Tell nobody this code for a new password: ${code}`,
  identifier: (code) => `Tell nobody this confirmation code: ${code}`,
  reauth: (code) => `Tell nobody this confirmation code: ${code}`,
  mfa: (code) => `Tell nobody this sign-in code: ${code}`,
};

const isRussian = ({ lang }: Pick<Operator, "lang">) => lang.toLowerCase().startsWith("ru");

/** The message that brings a code. */
export function codeText(operator: Operator, purpose: Purpose, code: string): { subject: string; text: string } {
  const text = (isRussian(operator) ? RU : EN)[purpose](code);
  return { subject: isRussian(operator) ? `${operator.name}: код` : `${operator.name}: your code`, text };
}

/** Instead of a code: somebody registers with what already has an account. */
export function existsText(operator: Operator): { subject: string; text: string } {
  return isRussian(operator)
    ? { subject: operator.name, text: "У вас уже есть учётная запись, просто войдите." }
    : { subject: operator.name, text: "You already have an account: just sign in." };
}
