-- People, what they are known by, and where they are signed in.

CREATE TABLE accounts (
  n          INTEGER PRIMARY KEY AUTOINCREMENT,  -- short and numeric: media servers want a number as X-UserId
  operator   TEXT NOT NULL,
  id         TEXT NOT NULL,
  status     TEXT NOT NULL CHECK (status IN ('inactive', 'active', 'banned', 'deleted')),
  name       TEXT,
  patronymic TEXT,
  created_at INTEGER NOT NULL,                   -- ms since 1970, as are all *_at
  deleted_at INTEGER
) STRICT;

CREATE UNIQUE INDEX accounts_id ON accounts (operator, id);

CREATE TABLE account_identifiers (
  operator    TEXT NOT NULL,
  type        TEXT NOT NULL CHECK (type IN ('phone', 'email')),
  value       TEXT NOT NULL,                     -- normalised: a phone as digits with country code
  account_id  TEXT NOT NULL,
  verified_at INTEGER,                           -- null: claimed, not proven
  created_at  INTEGER NOT NULL,
  PRIMARY KEY (operator, type, value, account_id)
) STRICT;

CREATE UNIQUE INDEX account_identifiers_verified ON account_identifiers (operator, type, value) WHERE verified_at IS NOT NULL;
CREATE INDEX account_identifiers_account ON account_identifiers (operator, account_id);

CREATE TABLE sessions (
  operator     TEXT NOT NULL,
  id           TEXT NOT NULL,
  account_id   TEXT NOT NULL,
  token_hash   TEXT NOT NULL,                    -- SHA-256; the token itself is never stored
  acr          TEXT NOT NULL CHECK (acr IN ('low', 'normal')),  -- low: opened with four digits
  device       TEXT,                             -- what the client says of itself
  created_at   INTEGER NOT NULL,
  last_seen_at INTEGER NOT NULL,
  expires_at   INTEGER NOT NULL,
  ended_at     INTEGER,
  end_reason   TEXT,
  PRIMARY KEY (operator, id)
) STRICT;

CREATE UNIQUE INDEX sessions_token ON sessions (operator, token_hash);
CREATE INDEX sessions_account ON sessions (operator, account_id, ended_at);
CREATE INDEX sessions_ended ON sessions (operator, ended_at) WHERE ended_at IS NOT NULL;
