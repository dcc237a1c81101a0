-- The SMS gateway: its users and their keys, the platforms they write to, the phones that relay SMS, what they brought, and what became
-- of it. Times (*_at) are milliseconds since 1970.

-- A user of the gateway: a profile of an account, or of somebody whom an outside back end keeps (GATEWAY_USERS=http).
CREATE TABLE gateway_users (
  operator    TEXT NOT NULL,
  id          TEXT NOT NULL,    -- UUID with dashes; an outside back end's own id, whatever it looks like
  account_id  TEXT,             -- null where an outside back end keeps the person
  msisdn_hash TEXT,             -- HMAC-SHA-512 of the number with its plus, 128 hex digits; null while nobody has told
  name        TEXT,
  phc         TEXT,             -- the gateway's own password, hashed; the account's is another one
  public_key  TEXT,             -- PEM of the app that synced last
  label       TEXT CHECK (label IN ('sha1', 'sha256')), -- digest of the OAEP label which that app uses
  shared_key  TEXT,             -- sealed; 32 hex digits, whose ASCII bytes are the AES key
  synced_at   INTEGER,
  created_at  INTEGER NOT NULL,
  PRIMARY KEY (operator, id)
) STRICT;

CREATE UNIQUE INDEX gateway_users_hash ON gateway_users (operator, msisdn_hash) WHERE msisdn_hash IS NOT NULL;
CREATE INDEX gateway_users_account ON gateway_users (operator, account_id) WHERE account_id IS NOT NULL;

-- An account of a user at a platform such as gmail, through which the publisher sends.
CREATE TABLE gateway_grants (
  operator TEXT NOT NULL,
  user_id  TEXT NOT NULL,
  platform TEXT NOT NULL,
  sealed   TEXT NOT NULL,       -- JSON {username, uniqueId, token}, sealed
  PRIMARY KEY (operator, user_id, platform)
) STRICT;

-- What was sent once and must not count again: the end of a ciphertext says which ciphertext it is.
CREATE TABLE gateway_seen (
  operator    TEXT NOT NULL,
  scope       TEXT NOT NULL,    -- user:<id> for SMS, forget for broadcasts of the back end
  fingerprint TEXT NOT NULL,
  seen_at     INTEGER NOT NULL,
  PRIMARY KEY (operator, scope, fingerprint)
) STRICT;

CREATE INDEX gateway_seen_orders ON gateway_seen (operator, seen_at) WHERE scope = 'forget';

-- A phone that relays SMS and knows its number, as long as it goes on saying so.
CREATE TABLE gateway_seeds (
  operator  TEXT NOT NULL,
  imsi      TEXT NOT NULL,
  msisdn    TEXT NOT NULL,
  seed_type TEXT NOT NULL,      -- seed or seeder, by its own word
  pinged_at INTEGER NOT NULL,
  client    TEXT,               -- number of the gateway client whose key it showed
  address   TEXT NOT NULL,
  PRIMARY KEY (operator, imsi)
) STRICT;

CREATE INDEX gateway_seeds_live ON gateway_seeds (operator, pinged_at);

-- Who pinged as which seed: the first ping, and each that came from another client or address or with other words.
CREATE TABLE gateway_seed_log (
  operator  TEXT NOT NULL,
  id        TEXT NOT NULL,
  imsi      TEXT NOT NULL,
  msisdn    TEXT NOT NULL,
  seed_type TEXT NOT NULL,
  client    TEXT,
  address   TEXT NOT NULL,
  at        INTEGER NOT NULL,
  PRIMARY KEY (operator, id)
) STRICT;

CREATE INDEX gateway_seed_log_imsi ON gateway_seed_log (operator, imsi, at);
CREATE INDEX gateway_seed_log_at ON gateway_seed_log (operator, at);

-- A phone number that people may send their SMS to.
CREATE TABLE gateway_clients (
  operator          TEXT NOT NULL,
  msisdn            TEXT NOT NULL, -- with the plus
  country           TEXT NOT NULL,
  carrier           TEXT NOT NULL, -- the mobile operator
  carrier_code      TEXT NOT NULL, -- its MCC and MNC
  country_folded    TEXT NOT NULL, -- both as they are searched by: without capitals and accents, which SQLite folds only in English
  carrier_folded    TEXT NOT NULL,
  protocols         TEXT NOT NULL, -- separated by commas
  reliability       REAL NOT NULL DEFAULT 0, -- percent of the tests that came back in time
  last_published_at INTEGER NOT NULL,
  key_hash          TEXT,          -- SHA-256 of its key
  created_at        INTEGER NOT NULL,
  PRIMARY KEY (operator, msisdn)
) STRICT;

CREATE UNIQUE INDEX gateway_clients_key ON gateway_clients (key_hash) WHERE key_hash IS NOT NULL;

-- One test SMS to a gateway client, which is to bring it back.
CREATE TABLE gateway_tests (
  operator    TEXT NOT NULL,
  id          INTEGER PRIMARY KEY AUTOINCREMENT,
  msisdn      TEXT NOT NULL,
  status      TEXT NOT NULL CHECK (status IN ('running', 'success', 'timedout')),
  started_at  INTEGER NOT NULL,
  sent_at     INTEGER,
  received_at INTEGER,
  routed_at   INTEGER
) STRICT;

CREATE INDEX gateway_tests_client ON gateway_tests (operator, msisdn);
CREATE INDEX gateway_tests_started ON gateway_tests (operator, started_at);
CREATE UNIQUE INDEX gateway_tests_running ON gateway_tests (operator, msisdn) WHERE status = 'running';

-- An SMS that was brought to us, until the publisher has it. What is nobody's is deleted.
CREATE TABLE gateway_messages (
  operator        TEXT NOT NULL,
  id              TEXT NOT NULL,
  source          TEXT NOT NULL,   -- the platform of the path, or kannel
  client          TEXT,            -- number of the gateway client that brought it
  sealed          TEXT,            -- sealed JSON: what came, and once it is opened what the publisher gets; null when that has it
  state           TEXT NOT NULL CHECK (state IN ('received', 'opened', 'published', 'dead')),
  user_id         TEXT,
  attempts        INTEGER NOT NULL DEFAULT 0,
  claimed_until   INTEGER,         -- somebody is at it
  next_attempt_at INTEGER NOT NULL,
  error           TEXT,
  created_at      INTEGER NOT NULL,
  updated_at      INTEGER NOT NULL,
  PRIMARY KEY (operator, id)
) STRICT;

CREATE INDEX gateway_messages_due ON gateway_messages (operator, state, next_attempt_at);
CREATE INDEX gateway_messages_user ON gateway_messages (operator, user_id) WHERE user_id IS NOT NULL;

-- SMS that came through Kannel and that the gateway has not looked at yet.
ALTER TABLE inbound_messages ADD COLUMN heard_at INTEGER;
UPDATE inbound_messages SET heard_at = received_at;
CREATE INDEX inbound_messages_unheard ON inbound_messages (operator, received_at) WHERE heard_at IS NULL;
