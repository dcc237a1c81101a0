-- The rest of the embedded billing, what the operator's own billing must be told, and what residents ask the operator for.

ALTER TABLE contracts ADD COLUMN client_name TEXT;                      -- the person who signed it
ALTER TABLE contracts ADD COLUMN email TEXT;                            -- where a forgotten password may be sent, besides its phones
ALTER TABLE contracts ADD COLUMN is_confirmed INTEGER NOT NULL DEFAULT 0;  -- the passport was seen
ALTER TABLE contracts ADD COLUMN pay_advice INTEGER;                    -- kopecks that the operator recommends to pay
-- {"cams":{"price":19900,"until":"2026-10-01","name":"Умный двор"}}: prices in kopecks, by internet, tv, phone, cams
ALTER TABLE contracts ADD COLUMN tariffs TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(tariffs));

-- With the phone in it: without, SQLite finds a contract's phones in the primary key, and so walks through everybody's.
DROP INDEX contract_phones_uid;
CREATE INDEX contract_phones_uid ON contract_phones (operator, uid, phone);

CREATE TABLE contract_entries (
  id           INTEGER PRIMARY KEY AUTOINCREMENT,
  operator     TEXT NOT NULL,
  uid          INTEGER NOT NULL,
  at           INTEGER NOT NULL,        -- ms since 1970, as are all *_at
  amount       INTEGER NOT NULL,        -- kopecks; what was charged is negative
  description  TEXT NOT NULL,
  service      TEXT,                    -- of a charge: what an act of services names
  period_start TEXT,                    -- days, YYYY-MM-DD
  period_end   TEXT,
  key          TEXT                     -- what it was booked for, `invoice:17`, so that it is booked once
) STRICT;

CREATE INDEX contract_entries_uid ON contract_entries (operator, uid, at);
CREATE UNIQUE INDEX contract_entries_key ON contract_entries (operator, key) WHERE key IS NOT NULL;

-- What a system of the operator's must be told, until it has taken it.
CREATE TABLE operator_calls (
  operator        TEXT NOT NULL,
  id              TEXT NOT NULL,        -- also the Idempotency-Key: `paid:17`
  system          TEXT NOT NULL,        -- billing
  function        TEXT NOT NULL,
  arguments       TEXT NOT NULL CHECK (json_valid(arguments)),
  state           TEXT NOT NULL CHECK (state IN ('queued', 'sending', 'done', 'failed')),
  attempts        INTEGER NOT NULL DEFAULT 0,
  next_attempt_at INTEGER NOT NULL,     -- queued: not before; sending: until then the attempt is somebody's
  error           TEXT,
  created_at      INTEGER NOT NULL,
  updated_at      INTEGER NOT NULL,
  PRIMARY KEY (operator, id)
) STRICT;

CREATE INDEX operator_calls_due ON operator_calls (operator, state, next_attempt_at);

CREATE TABLE issues (
  operator    TEXT NOT NULL,
  key         TEXT NOT NULL,            -- REM-17, as the apps show it
  phone       TEXT NOT NULL,
  account_id  TEXT NOT NULL,
  uid         INTEGER,                  -- the contract that it is about, if it is about one
  kind        TEXT NOT NULL,            -- requestCallback, requestFragment, … ; `other` for a free one
  summary     TEXT NOT NULL,
  description TEXT NOT NULL,
  address     TEXT,
  delivery    TEXT CHECK (delivery IN ('office', 'courier')),
  fields      TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(fields)),
  status      TEXT NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'done', 'cancelled')),
  digest      TEXT NOT NULL,            -- of what was asked: pressed twice it is one
  created_at  INTEGER NOT NULL,
  updated_at  INTEGER NOT NULL,
  PRIMARY KEY (operator, key)
) STRICT;

CREATE INDEX issues_phone ON issues (operator, phone, status, created_at);
CREATE INDEX issues_account ON issues (operator, account_id);
CREATE INDEX issues_status ON issues (operator, status, created_at);
CREATE INDEX issues_updated ON issues (operator, updated_at);
CREATE UNIQUE INDEX issues_once ON issues (operator, phone, digest) WHERE status = 'open';

CREATE TABLE desk_numbers (
  operator TEXT NOT NULL,
  kind     TEXT NOT NULL CHECK (kind IN ('issue', 'appeal')),
  last     INTEGER NOT NULL,            -- the highest number given
  PRIMARY KEY (operator, kind)
) STRICT;

CREATE TABLE issue_comments (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  operator   TEXT NOT NULL,
  issue_key  TEXT NOT NULL,
  author     TEXT NOT NULL CHECK (author IN ('resident', 'operator')),
  account_id TEXT,                      -- the resident's
  text       TEXT NOT NULL,
  created_at INTEGER NOT NULL
) STRICT;

CREATE INDEX issue_comments_issue ON issue_comments (operator, issue_key, id);
CREATE INDEX issue_comments_account ON issue_comments (operator, account_id, created_at) WHERE account_id IS NOT NULL;

CREATE TABLE appeal_categories (
  operator TEXT NOT NULL,
  id       INTEGER NOT NULL,
  name     TEXT NOT NULL,
  PRIMARY KEY (operator, id)
) STRICT;

CREATE TABLE appeals (
  operator    TEXT NOT NULL,
  id          INTEGER NOT NULL,
  uid         INTEGER NOT NULL,
  phone       TEXT NOT NULL,            -- who complained; empty once they are deleted
  address     TEXT NOT NULL,
  category_id INTEGER NOT NULL,
  description TEXT NOT NULL,
  picture     TEXT,                     -- key in R2
  status      INTEGER NOT NULL DEFAULT 1,  -- 1 taken, 2 at work, 3 refused, 14 closed
  created_at  INTEGER NOT NULL,
  updated_at  INTEGER NOT NULL,
  PRIMARY KEY (operator, id)
) STRICT;

CREATE INDEX appeals_uid ON appeals (operator, uid, created_at);
CREATE INDEX appeals_phone ON appeals (operator, phone);
CREATE INDEX appeals_status ON appeals (operator, status, id);
CREATE INDEX appeals_updated ON appeals (operator, updated_at);

CREATE TABLE appeal_steps (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  operator   TEXT NOT NULL,
  appeal_id  INTEGER NOT NULL,
  kind       TEXT NOT NULL CHECK (kind IN ('status', 'work')),  -- what was decided; what a worker did
  text       TEXT NOT NULL,
  picture    TEXT,                      -- key in R2
  created_at INTEGER NOT NULL
) STRICT;

CREATE INDEX appeal_steps_appeal ON appeal_steps (operator, appeal_id, id);

CREATE TABLE housing_bills (
  operator     TEXT NOT NULL,
  uid          INTEGER NOT NULL,
  name         TEXT NOT NULL,           -- who is owed: Водоканал
  client       TEXT NOT NULL,           -- the account number there
  payment_link TEXT NOT NULL DEFAULT '',
  balance      INTEGER NOT NULL DEFAULT 0,  -- kopecks, as all of these
  amount       INTEGER NOT NULL DEFAULT 0,
  current      INTEGER NOT NULL DEFAULT 0,
  arrears      INTEGER NOT NULL DEFAULT 0,
  updated_at   INTEGER NOT NULL,
  PRIMARY KEY (operator, uid, name, client)
) STRICT;
