import type { Settings } from "#env.ts";
import { roublesText } from "#platform/money.ts";
import { type Column, Paper } from "./paper.ts";
import { sumInWords } from "./words.ts";

// What stands on an invoice and on an act of services. Sums in kopecks, days as DD.MM.YYYY.

type Company = Settings["COMPANY"];

export interface InvoicePage {
  number: string;
  date: string;
  sum: number;
  login: string;
  customer: string;
  address: string;
}

const COLUMNS: Column[] = [
  { share: 5, heading: "№", align: "center" },
  { share: 53, heading: "Наименование" },
  { share: 8, heading: "Кол-во", align: "center" },
  { share: 17, heading: "Цена, руб.", align: "right" },
  { share: 17, heading: "Сумма, руб.", align: "right" },
];

/** Счёт на оплату: to be paid at any bank. */
export async function invoicePage(company: Company, page: InvoicePage, at: Date): Promise<Uint8Array> {
  const title = `Счёт на оплату № ${page.number} от ${page.date}`;
  const paper = await Paper.begin(title, at);
  requisites(paper, company);
  paper.gap(14).text(title, { size: 14, isBold: true }).rule(1.5).gap(6);
  paper
    .text(`Поставщик: ${seller(company)}`)
    .gap(4)
    .text(`Плательщик: ${buyer(page)}`)
    .gap(10);
  goods(paper, `Оплата услуг связи по договору № ${page.login}`, page.sum);
  paper.gap(10).text("Счёт оплачивается одним платежом; в назначении платежа укажите номер договора.");
  signatures(paper, company);
  return paper.bytes();
}

export interface ActPage extends InvoicePage {
  service: string;
  /** Empty where no period is known. */
  start: string;
  end: string;
}

/** Акт оказанных услуг. */
export async function actPage(company: Company, page: ActPage, at: Date): Promise<Uint8Array> {
  const title = `Акт № ${page.number} от ${page.date}`;
  const paper = await Paper.begin(title, at);
  paper.text(title, { size: 14, isBold: true }).rule(1.5).gap(6);
  paper
    .text(`Исполнитель: ${seller(company)}`)
    .gap(4)
    .text(`Заказчик: ${buyer(page)}`)
    .gap(4);
  paper.text(`Основание: договор № ${page.login}`).gap(10);
  const period = page.start && page.end ? ` за период с ${page.start} по ${page.end}` : "";
  goods(paper, `${page.service}${period}`, page.sum);
  paper
    .gap(10)
    .text(
      "Услуги оказаны полностью и в срок. Заказчик претензий по объёму, качеству и срокам оказания услуг не имеет.",
    );
  signatures(paper, company);
  paper.gap(14).text("Заказчик ______________________");
  return paper.bytes();
}

function goods(paper: Paper, what: string, sum: number): void {
  const price = roublesText(sum);
  paper.table(COLUMNS, [["1", what, "1", price, price]]).gap(6);
  paper.text(`Итого: ${price} руб.`, { align: "right", isBold: true });
  paper.text(`Всего наименований 1, на сумму ${price} руб.`).text(sumInWords(sum), { isBold: true });
}

/** Where the money goes; left out where the operator has not said. */
function requisites(paper: Paper, { bank, bik, account, correspondent, inn, kpp, name }: Company): void {
  if (!bank || !account) return;
  const columns: Column[] = [
    { share: 55, heading: "Банк получателя" },
    { share: 45, heading: "Реквизиты" },
  ];
  paper.table(columns, [
    [bank, [bik && `БИК ${bik}`, correspondent && `к/с ${correspondent}`].filter(Boolean).join(", ")],
    [[inn && `ИНН ${inn}`, kpp && `КПП ${kpp}`, name].filter(Boolean).join(", "), `р/с ${account}`],
  ]);
}

const seller = ({ name, inn, kpp, ogrn, address, phone }: Company): string =>
  [name, inn && `ИНН ${inn}`, kpp && `КПП ${kpp}`, ogrn && `ОГРН ${ogrn}`, address, phone && `тел. ${phone}`]
    .filter(Boolean)
    .join(", ");

const buyer = ({ customer, login, address }: InvoicePage): string =>
  [customer || `абонент по договору № ${login}`, address].filter(Boolean).join(", ");

function signatures(paper: Paper, { director, accountant }: Company): void {
  paper.gap(8).rule(1).gap(24);
  paper.text(`Руководитель ______________________ ${director}`).gap(14);
  paper.text(`Бухгалтер ______________________ ${accountant}`);
}
