-- The embedded billing (BILLING=local): contracts, their phones, and what has been paid for.

CREATE TABLE contracts (
  operator   TEXT NOT NULL,
  uid        INTEGER NOT NULL,        -- the contract number that apps call houseId and flatId
  login      TEXT NOT NULL,           -- the apps' clientId
  address    TEXT NOT NULL,
  flat       TEXT,
  state      INTEGER NOT NULL DEFAULT 2 CHECK (state IN (0, 1, 2)),  -- 0 not connected, 1 unpaid, 2 active
  balance    INTEGER NOT NULL DEFAULT 0,                             -- kopecks
  services   TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(services)),
  password   TEXT,                    -- PHC string (scrypt)
  created_at INTEGER NOT NULL,        -- ms since 1970, as are all *_at
  PRIMARY KEY (operator, uid)
) STRICT;

CREATE UNIQUE INDEX contracts_login ON contracts (operator, login);

CREATE TABLE contract_numbers (
  operator TEXT PRIMARY KEY NOT NULL,
  last     INTEGER NOT NULL           -- the highest uid ever given: that of a deleted contract does not come back
) STRICT;

CREATE TABLE contract_phones (
  operator TEXT NOT NULL,
  phone    TEXT NOT NULL,             -- digits with country code
  uid      INTEGER NOT NULL,
  PRIMARY KEY (operator, phone, uid),
  FOREIGN KEY (operator, uid) REFERENCES contracts (operator, uid) ON DELETE CASCADE
) STRICT;

CREATE INDEX contract_phones_uid ON contract_phones (operator, uid);

CREATE TABLE contract_device_states (
  operator  TEXT NOT NULL,
  uid       INTEGER NOT NULL,
  device_id INTEGER NOT NULL,
  state     INTEGER NOT NULL CHECK (state IN (0, 1, 2)),  -- overrides the contract's
  PRIMARY KEY (operator, uid, device_id),
  FOREIGN KEY (operator, uid) REFERENCES contracts (operator, uid) ON DELETE CASCADE
) STRICT;
