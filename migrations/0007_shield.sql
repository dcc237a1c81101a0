-- Shield: clients, sessions with refresh tokens, devices, domains, policies, administrators, the journal, the gateway's routes.
-- All *_at are milliseconds since 1970; `ver` is the version that If-Match names.

CREATE TABLE operators (
  operator   TEXT PRIMARY KEY NOT NULL,
  name       TEXT NOT NULL,
  country    TEXT NOT NULL,                 -- ISO 3166: whose phone numbers may sign in
  lang       TEXT NOT NULL,                 -- of texts, where a reader asks for none that we have
  params     TEXT NOT NULL CHECK (json_valid(params)),
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  ver        INTEGER NOT NULL DEFAULT 1
) STRICT;

CREATE TABLE error_texts (
  operator TEXT NOT NULL,                   -- '*': of every operator, as with app and source
  app      TEXT NOT NULL,
  source   TEXT NOT NULL,
  code     TEXT NOT NULL,
  lang     TEXT NOT NULL,
  num      INTEGER,                         -- null: the catalogue's own number and status
  status   INTEGER,
  text     TEXT NOT NULL,
  ver      INTEGER NOT NULL DEFAULT 1,
  PRIMARY KEY (operator, app, source, code, lang)
) STRICT;

CREATE TABLE clients (
  operator            TEXT NOT NULL,
  id                  TEXT NOT NULL,
  name                TEXT NOT NULL,
  app_type            TEXT NOT NULL,
  source              TEXT NOT NULL,
  kind                TEXT NOT NULL CHECK (kind IN ('public', 'confidential')),
  secret_hash         TEXT,                 -- SHA-256 of 256 random bits
  first_party         INTEGER NOT NULL,
  methods             TEXT NOT NULL CHECK (json_valid(methods)),   -- how people may sign in: password, sms, code
  scopes              TEXT NOT NULL CHECK (json_valid(scopes)),
  aud                 TEXT NOT NULL CHECK (json_valid(aud)),       -- which tokens it may introspect
  origins             TEXT NOT NULL CHECK (json_valid(origins)),
  otp_length          INTEGER NOT NULL CHECK (otp_length IN (4, 6)),
  login_on_activation INTEGER NOT NULL,
  status              TEXT NOT NULL CHECK (status IN ('active', 'disabled')),
  created_at          INTEGER NOT NULL,
  ver                 INTEGER NOT NULL DEFAULT 1,
  PRIMARY KEY (operator, id)
) STRICT;

CREATE UNIQUE INDEX clients_id ON clients (id);  -- the client decides the operator, so it is found without one

ALTER TABLE accounts ADD COLUMN lang TEXT;
ALTER TABLE accounts ADD COLUMN avatar TEXT;
ALTER TABLE accounts ADD COLUMN note TEXT;                             -- support's, not shown to the customer
ALTER TABLE accounts ADD COLUMN epoch INTEGER NOT NULL DEFAULT 1;      -- tokens of a lower one are dead
ALTER TABLE accounts ADD COLUMN two_step INTEGER NOT NULL DEFAULT 0;
ALTER TABLE accounts ADD COLUMN ban_reason TEXT;
ALTER TABLE accounts ADD COLUMN ban_until INTEGER;
ALTER TABLE accounts ADD COLUMN challenge_id TEXT;                     -- inactive: the registration that made the row
ALTER TABLE accounts ADD COLUMN activated_at INTEGER;
ALTER TABLE accounts ADD COLUMN last_login_at INTEGER;
ALTER TABLE accounts ADD COLUMN erase_at INTEGER;                      -- deleted: when what is left of the person goes
ALTER TABLE accounts ADD COLUMN name_folded TEXT;                      -- the name in lower case, to search in: SQLite folds ASCII only
ALTER TABLE accounts ADD COLUMN ver INTEGER NOT NULL DEFAULT 1;
CREATE INDEX accounts_status ON accounts (operator, status, created_at);
UPDATE accounts SET name_folded = lower(name) WHERE name IS NOT NULL;
CREATE INDEX accounts_name ON accounts (operator, name_folded) WHERE name_folded IS NOT NULL;

CREATE INDEX accounts_inactive ON accounts (created_at) WHERE status = 'inactive';   -- three that the clock looks for, of any operator
CREATE INDEX accounts_banned_until ON accounts (ban_until) WHERE ban_until IS NOT NULL;
CREATE INDEX accounts_to_erase ON accounts (erase_at) WHERE erase_at IS NOT NULL;

ALTER TABLE account_identifiers ADD COLUMN id TEXT NOT NULL DEFAULT '';
UPDATE account_identifiers SET id = 'idn_' || upper(hex(randomblob(13)));
CREATE INDEX account_identifiers_id ON account_identifiers (operator, id);

CREATE TABLE account_passwords (
  operator   TEXT NOT NULL,
  account_id TEXT NOT NULL,
  phc        TEXT NOT NULL,
  must_reset INTEGER NOT NULL DEFAULT 0,    -- support asked for a new one: this one opens nothing
  changed_at INTEGER NOT NULL,
  PRIMARY KEY (operator, account_id)
) STRICT;

CREATE TABLE totp_secrets (
  operator     TEXT NOT NULL,               -- '*' where the owner is an administrator
  owner_id     TEXT NOT NULL,
  sealed       TEXT NOT NULL,
  last_step    INTEGER NOT NULL DEFAULT 0,  -- 30-second steps since 1970; a step opens once
  confirmed_at INTEGER,
  created_at   INTEGER NOT NULL,
  PRIMARY KEY (operator, owner_id)
) STRICT;

CREATE TABLE recovery_codes (
  operator TEXT NOT NULL,
  owner_id TEXT NOT NULL,
  hash     TEXT NOT NULL,
  used_at  INTEGER,
  PRIMARY KEY (operator, owner_id, hash)
) STRICT;

-- Whose account, device or client it is: `subject_id`.
ALTER TABLE sessions RENAME COLUMN account_id TO subject_id;
ALTER TABLE sessions ADD COLUMN kind TEXT NOT NULL DEFAULT 'account' CHECK (kind IN ('account', 'device', 'service'));
ALTER TABLE sessions ADD COLUMN client_id TEXT;                        -- null: the resident's app with its one opaque token
ALTER TABLE sessions ADD COLUMN amr TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(amr));
ALTER TABLE sessions ADD COLUMN scope TEXT NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN auth_at INTEGER;                       -- when the person last proved who they are
ALTER TABLE sessions ADD COLUMN refresh_secret TEXT;                   -- goes into the refresh token's MAC, whose key is elsewhere
ALTER TABLE sessions ADD COLUMN generation INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN rotated_at INTEGER;
ALTER TABLE sessions ADD COLUMN absolute_at INTEGER;                   -- no refresh goes past it
ALTER TABLE sessions ADD COLUMN platform TEXT;
ALTER TABLE sessions ADD COLUMN install_id TEXT;
ALTER TABLE sessions ADD COLUMN ip_prefix TEXT;
ALTER TABLE sessions ADD COLUMN city TEXT;
CREATE INDEX sessions_expired ON sessions (kind, expires_at);
CREATE INDEX sessions_client ON sessions (operator, client_id) WHERE ended_at IS NULL;
CREATE INDEX sessions_ended_anywhere ON sessions (ended_at) WHERE ended_at IS NOT NULL;

CREATE TABLE signing_keys (
  operator   TEXT NOT NULL,                 -- '*': one set for the deployment
  kid        TEXT NOT NULL,
  active_at  INTEGER,                       -- the latest one signs
  revoked_at INTEGER,
  reason     TEXT,
  PRIMARY KEY (operator, kid)
) STRICT;

CREATE TABLE device_grants (
  operator       TEXT NOT NULL,
  id             TEXT NOT NULL,             -- SHA-256 of the device code
  user_code_hash TEXT NOT NULL,
  client_id      TEXT NOT NULL,
  scope          TEXT NOT NULL,
  device         TEXT,
  status         TEXT NOT NULL CHECK (status IN ('pending', 'approved', 'denied', 'used')),
  account_id     TEXT,
  amr            TEXT,
  auth_at        INTEGER,                   -- when whoever approved had last proven who they are
  epoch          INTEGER,                   -- of the account as it was approved
  interval_s     INTEGER NOT NULL,
  polled_at      INTEGER,
  created_at     INTEGER NOT NULL,
  expires_at     INTEGER NOT NULL,
  PRIMARY KEY (operator, id)
) STRICT;

CREATE UNIQUE INDEX device_grants_user_code ON device_grants (operator, user_code_hash);
CREATE INDEX device_grants_expired ON device_grants (expires_at);

-- What is good for one use: ids of signed assertions that were taken.
CREATE TABLE used_assertions (
  operator   TEXT NOT NULL,
  id         TEXT NOT NULL,
  expires_at INTEGER NOT NULL,
  PRIMARY KEY (operator, id)
) STRICT;

-- A code that was sent, or a decoy: what it proves, for whom. The code itself is in the target's Durable Object.
CREATE TABLE challenges (
  operator   TEXT NOT NULL,
  id         TEXT NOT NULL,
  purpose    TEXT NOT NULL CHECK (purpose IN ('login', 'auto', 'activation', 'reset', 'identifier', 'reauth', 'mfa')),
  client_id  TEXT NOT NULL,
  type       TEXT NOT NULL CHECK (type IN ('phone', 'email')),
  value      TEXT NOT NULL,
  country    TEXT NOT NULL,
  account_id TEXT,                          -- null: a decoy, or nobody yet
  length     INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  used_at    INTEGER,
  PRIMARY KEY (operator, id)
) STRICT;

CREATE INDEX challenges_target ON challenges (operator, type, value, created_at);
CREATE INDEX challenges_expired ON challenges (expires_at);

-- The first of two steps was taken; the token is shown once and stored as its hash.
CREATE TABLE mfa_tokens (
  operator   TEXT NOT NULL,
  hash       TEXT NOT NULL,
  subject_id TEXT NOT NULL,
  client_id  TEXT NOT NULL,
  amr        TEXT NOT NULL,
  device     TEXT,
  tries      INTEGER NOT NULL DEFAULT 0,
  expires_at INTEGER NOT NULL,
  used_at    INTEGER,
  PRIMARY KEY (operator, hash)
) STRICT;

CREATE TABLE controllers (
  operator         TEXT NOT NULL,
  id               TEXT NOT NULL,
  serial           TEXT NOT NULL,
  model            TEXT NOT NULL,
  fw               TEXT,
  name             TEXT,
  room             TEXT,
  status           TEXT NOT NULL CHECK (status IN ('factory', 'enrolled', 'claimed', 'banned', 'deleted')),
  domain_id        TEXT,
  owner_account_id TEXT,
  epoch            INTEGER NOT NULL DEFAULT 1,
  claim_hash       TEXT,                    -- SHA-256 of the code that is printed on the unit; null: none is good
  ban_reason       TEXT,
  created_at       INTEGER NOT NULL,
  enrolled_at      INTEGER,
  claimed_at       INTEGER,
  last_seen_at     INTEGER,
  ver              INTEGER NOT NULL DEFAULT 1,
  PRIMARY KEY (operator, id)
) STRICT;

CREATE UNIQUE INDEX controllers_id ON controllers (id);
CREATE UNIQUE INDEX controllers_serial ON controllers (operator, serial);
CREATE INDEX controllers_domain ON controllers (operator, domain_id);
CREATE INDEX controllers_owner ON controllers (operator, owner_account_id);
CREATE INDEX controllers_status ON controllers (operator, status);

-- Claim codes that were tried, whether or not there is such a serial: nobody is to learn that from the count.
CREATE TABLE claim_tries (
  operator TEXT NOT NULL,
  serial   TEXT NOT NULL,
  tries    INTEGER NOT NULL,
  last_at  INTEGER NOT NULL,
  PRIMARY KEY (operator, serial)
) STRICT;

CREATE INDEX claim_tries_last ON claim_tries (last_at);

CREATE TABLE controller_credentials (
  operator    TEXT NOT NULL,
  id          TEXT NOT NULL,                -- made of the secret's hash or the key's thumbprint: no two controllers share one
  device_id   TEXT NOT NULL,
  type        TEXT NOT NULL CHECK (type IN ('secret', 'jwk', 'enrolment')),
  secret_hash TEXT,
  jwk         TEXT,
  created_at  INTEGER NOT NULL,
  expires_at  INTEGER,
  revoked_at  INTEGER,
  PRIMARY KEY (operator, id)
) STRICT;

CREATE INDEX controller_credentials_device ON controller_credentials (operator, device_id);

CREATE TABLE domains (
  operator       TEXT NOT NULL,
  id             TEXT NOT NULL,
  name           TEXT NOT NULL,
  address_ref    TEXT,
  status         TEXT NOT NULL CHECK (status IN ('active', 'deleted')),
  policy_version INTEGER NOT NULL DEFAULT 1,
  next_owner_id  TEXT,                      -- to whom the owner offers the domain
  offered_by     TEXT,                      -- the owner who does
  created_by     TEXT NOT NULL,
  created_at     INTEGER NOT NULL,
  ver            INTEGER NOT NULL DEFAULT 1,
  PRIMARY KEY (operator, id)
) STRICT;

CREATE INDEX domains_status ON domains (operator, status);
CREATE INDEX domains_maker ON domains (operator, created_by, created_at);

CREATE TABLE domain_members (
  operator   TEXT NOT NULL,
  domain_id  TEXT NOT NULL,
  account_id TEXT NOT NULL,
  role       TEXT NOT NULL CHECK (role IN ('owner', 'admin', 'member', 'guest')),
  expires_at INTEGER,                       -- a guest's last moment
  invited_by TEXT,
  joined_at  INTEGER NOT NULL,
  PRIMARY KEY (operator, domain_id, account_id)
) STRICT;

CREATE INDEX domain_members_account ON domain_members (operator, account_id);
CREATE INDEX domain_members_expiring ON domain_members (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE invitations (
  operator          TEXT NOT NULL,
  id                TEXT NOT NULL,
  domain_id         TEXT NOT NULL,
  code_hash         TEXT NOT NULL,          -- SHA-256 of 128 random bits
  to_type           TEXT CHECK (to_type IN ('phone', 'email')),
  to_value          TEXT,
  role              TEXT NOT NULL CHECK (role IN ('admin', 'member', 'guest')),
  member_expires_at INTEGER,
  note              TEXT,
  max_uses          INTEGER NOT NULL,
  uses              INTEGER NOT NULL DEFAULT 0,
  status            TEXT NOT NULL CHECK (status IN ('open', 'accepted', 'declined', 'withdrawn')),
  created_by        TEXT NOT NULL,
  created_at        INTEGER NOT NULL,
  expires_at        INTEGER NOT NULL,
  PRIMARY KEY (operator, id)
) STRICT;

CREATE UNIQUE INDEX invitations_code ON invitations (operator, code_hash);
CREATE INDEX invitations_domain ON invitations (operator, domain_id, created_at);
CREATE INDEX invitations_target ON invitations (operator, to_type, to_value, status);
CREATE INDEX invitations_expiring ON invitations (expires_at);

CREATE TABLE resources (
  operator    TEXT NOT NULL,
  type        TEXT NOT NULL,
  id          TEXT NOT NULL,
  domain_id   TEXT,
  owner       TEXT,
  parent_type TEXT,
  parent_id   TEXT,
  PRIMARY KEY (operator, type, id)
) STRICT;

CREATE INDEX resources_domain ON resources (operator, domain_id);

CREATE TABLE policies (
  operator   TEXT NOT NULL,
  id         TEXT NOT NULL,
  domain_id  TEXT NOT NULL,
  subj_type  TEXT NOT NULL CHECK (subj_type IN ('account', 'device', 'role', 'service')),
  subj_id    TEXT NOT NULL,
  res_type   TEXT NOT NULL,
  res_id     TEXT NOT NULL,
  actions    TEXT NOT NULL CHECK (json_valid(actions)),
  effect     TEXT NOT NULL CHECK (effect IN ('allow', 'deny')),
  weekly     TEXT CHECK (json_valid(weekly)),
  max_auth_age INTEGER,                     -- seconds since the subject proved who it is
  not_before INTEGER,
  expires_at INTEGER,
  origin     TEXT NOT NULL CHECK (origin IN ('role', 'grant', 'operator')),
  created_by TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  ver        INTEGER NOT NULL DEFAULT 1,
  PRIMARY KEY (operator, id)
) STRICT;

CREATE INDEX policies_domain ON policies (operator, domain_id);
CREATE INDEX policies_subject ON policies (operator, subj_type, subj_id);

CREATE TABLE role_grants (
  operator TEXT NOT NULL,
  role     TEXT NOT NULL CHECK (role IN ('owner', 'admin', 'member', 'guest')),
  res_type TEXT NOT NULL,
  actions  TEXT NOT NULL CHECK (json_valid(actions)),
  PRIMARY KEY (operator, role, res_type)
) STRICT;

CREATE TABLE admins (
  operator       TEXT NOT NULL,             -- '*': administrators are the deployment's, their roles are per operator
  id             TEXT NOT NULL,
  login          TEXT NOT NULL,
  email          TEXT,
  name           TEXT NOT NULL,
  phc            TEXT,                      -- null until the set-up link was used
  status         TEXT NOT NULL CHECK (status IN ('invited', 'active', 'banned', 'deleted')),
  setup_hash     TEXT,
  setup_until    INTEGER,
  ban_reason     TEXT,
  created_by     TEXT,
  created_at     INTEGER NOT NULL,
  last_login_at  INTEGER,
  ver            INTEGER NOT NULL DEFAULT 1,
  PRIMARY KEY (operator, id)
) STRICT;

CREATE UNIQUE INDEX admins_login ON admins (operator, login);
CREATE UNIQUE INDEX admins_setup ON admins (operator, setup_hash) WHERE setup_hash IS NOT NULL;

CREATE TABLE admin_roles (
  operator TEXT NOT NULL,                   -- where the role holds; '*': everywhere
  admin_id TEXT NOT NULL,
  role     TEXT NOT NULL CHECK (role IN ('viewer', 'support', 'operator_admin', 'security', 'superadmin')),
  PRIMARY KEY (operator, admin_id, role)
) STRICT;

CREATE INDEX admin_roles_admin ON admin_roles (admin_id);

CREATE TABLE admin_sessions (
  operator     TEXT NOT NULL,
  hash         TEXT NOT NULL,               -- SHA-256 of the cookie
  admin_id     TEXT NOT NULL,
  auth_at      INTEGER NOT NULL,
  created_at   INTEGER NOT NULL,
  last_seen_at INTEGER NOT NULL,
  absolute_at  INTEGER NOT NULL,
  ended_at     INTEGER,
  ip           TEXT,
  agent        TEXT,
  PRIMARY KEY (operator, hash)
) STRICT;

CREATE INDEX admin_sessions_admin ON admin_sessions (operator, admin_id);

-- Who did what to whom. No statement changes or deletes a row; `audit_seals` chains them.
CREATE TABLE audit_log (
  n           INTEGER PRIMARY KEY AUTOINCREMENT,
  operator    TEXT NOT NULL,
  id          TEXT NOT NULL,
  at          INTEGER NOT NULL,
  actor_kind  TEXT NOT NULL,                -- account, device, service, admin, integration, system
  actor_id    TEXT,
  action      TEXT NOT NULL,
  target_kind TEXT NOT NULL,
  target_id   TEXT,
  reason      TEXT,
  before      TEXT,
  after       TEXT,
  ip          TEXT,
  request_id  TEXT
) STRICT;

CREATE INDEX audit_log_operator ON audit_log (operator, n);
CREATE INDEX audit_log_target ON audit_log (operator, target_kind, target_id, n);
CREATE INDEX audit_log_actor ON audit_log (operator, actor_id, n);
CREATE TRIGGER audit_log_no_update BEFORE UPDATE ON audit_log BEGIN SELECT RAISE(ABORT, 'audit rows do not change'); END;
CREATE TRIGGER audit_log_no_delete BEFORE DELETE ON audit_log BEGIN SELECT RAISE(ABORT, 'audit rows stay'); END;

CREATE TABLE audit_seals (
  operator  TEXT NOT NULL,
  to_n      INTEGER NOT NULL,               -- seals every row of the operator after the seal before, up to this one
  from_n    INTEGER NOT NULL,
  rows      INTEGER NOT NULL,
  prev_hash TEXT NOT NULL,
  hash      TEXT NOT NULL,
  sealed_at INTEGER NOT NULL,
  PRIMARY KEY (operator, to_n)
) STRICT;

CREATE UNIQUE INDEX audit_seals_chain ON audit_seals (operator, prev_hash);  -- a chain does not fork
CREATE TRIGGER audit_seals_no_update BEFORE UPDATE ON audit_seals BEGIN SELECT RAISE(ABORT, 'seals do not change'); END;
CREATE TRIGGER audit_seals_no_delete BEFORE DELETE ON audit_seals BEGIN SELECT RAISE(ABORT, 'seals stay'); END;

-- What the operator's own systems are told, in the order of each object.
CREATE TABLE notifications (
  operator    TEXT NOT NULL,
  id          TEXT NOT NULL,
  type        TEXT NOT NULL,
  agg_kind    TEXT NOT NULL CHECK (agg_kind IN ('account', 'device', 'domain')),
  agg_id      TEXT NOT NULL,
  agg_seq     INTEGER NOT NULL,             -- 1, 2, 3 … of the object, without a hole
  data        TEXT NOT NULL CHECK (json_valid(data)),
  drm         INTEGER NOT NULL,             -- 1: DRM mirrors it too
  occurred_at INTEGER NOT NULL,
  taken_at    INTEGER,
  PRIMARY KEY (operator, id)
) STRICT;

CREATE UNIQUE INDEX notifications_order ON notifications (operator, agg_kind, agg_id, agg_seq);
CREATE INDEX notifications_open ON notifications (operator, occurred_at) WHERE taken_at IS NULL;

CREATE TABLE gateway_routes (
  operator     TEXT NOT NULL,
  id           TEXT NOT NULL,
  methods      TEXT NOT NULL CHECK (json_valid(methods)),
  pattern      TEXT NOT NULL,
  provider     TEXT NOT NULL,               -- https URL, service:BINDING, or module:/path
  auth         TEXT NOT NULL CHECK (auth IN ('none', 'optional', 'required')),
  kinds        TEXT NOT NULL CHECK (json_valid(kinds)),
  scopes       TEXT NOT NULL CHECK (json_valid(scopes)),
  class        TEXT CHECK (class IN ('strict', 'edge')),  -- null: strict for unsafe methods, edge for the rest
  policy       TEXT CHECK (json_valid(policy)),
  identity     TEXT NOT NULL CHECK (identity IN ('jws', 'none')),
  key_kid      TEXT NOT NULL,               -- the key of MASTER_KEY that the identity key is derived from,
  key_version  INTEGER NOT NULL,            -- and the second when that was: so no key ever comes back
  pass_bearer  INTEGER NOT NULL,
  strip_prefix TEXT,
  timeout_ms   INTEGER NOT NULL,
  enabled      INTEGER NOT NULL,
  created_at   INTEGER NOT NULL,
  ver          INTEGER NOT NULL DEFAULT 1,
  PRIMARY KEY (operator, id)
) STRICT;

-- Answers of creating calls, so that a repeated one does not create twice. The answer is sealed.
CREATE TABLE idempotency (
  operator   TEXT NOT NULL,
  id         TEXT NOT NULL,                 -- SHA-256 of caller, route and key
  body_hash  TEXT NOT NULL,
  status     INTEGER,                       -- null: still running
  answer     TEXT,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (operator, id)
) STRICT;

CREATE INDEX idempotency_created ON idempotency (created_at);
