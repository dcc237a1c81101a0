-- Invoices that residents pay through a bank. Amounts in kopecks, always our own and never the client's.

CREATE TABLE invoices (
  number       INTEGER PRIMARY KEY AUTOINCREMENT,  -- the orderNumber of the apps and the bank
  operator     TEXT NOT NULL,
  uid          INTEGER NOT NULL,
  login        TEXT NOT NULL,
  amount       INTEGER NOT NULL CHECK (amount > 0),
  phone        TEXT NOT NULL,          -- who asked for it
  account_id   TEXT NOT NULL,
  state        TEXT NOT NULL CHECK (state IN ('open', 'registered', 'paid', 'failed')),
  provider     TEXT CHECK (provider IN ('sber', 'yookassa')),
  order_id     TEXT,                   -- the bank's number of the payment
  form_url     TEXT,
  billing_number TEXT,                 -- what an old billing calls it: then this is the orderNumber
  error        TEXT,
  created_at   INTEGER NOT NULL,       -- ms since 1970, as are all *_at
  registered_at INTEGER,
  checked_at   INTEGER,                -- when the bank was last asked
  paid_at      INTEGER
) STRICT;

CREATE INDEX invoices_account ON invoices (operator, account_id, created_at);
CREATE INDEX invoices_state ON invoices (operator, state, checked_at);
CREATE UNIQUE INDEX invoices_order ON invoices (operator, provider, order_id) WHERE order_id IS NOT NULL;
CREATE UNIQUE INDEX invoices_billing_number ON invoices (operator, billing_number) WHERE billing_number IS NOT NULL;
