-- Pushes go the way of SMS and mail; messages that a resident reads in the app; the chat with the operator.

CREATE TABLE messages_wider (
  operator        TEXT NOT NULL,
  id              TEXT NOT NULL,
  channel         TEXT NOT NULL CHECK (channel IN ('sms', 'flashcall', 'email', 'push')),
  recipient       TEXT NOT NULL,      -- phone, digits with country code; an address of e-mail; the push token of an install
  account_id      TEXT,               -- whom it is for, if that was known
  purpose         TEXT NOT NULL,
  sealed          TEXT,               -- the text, for a mail or a push JSON, AES-GCM; wiped once the message has left or can no longer leave
  parts           INTEGER NOT NULL,   -- SMS that it takes; 0 for anything else
  state           TEXT NOT NULL CHECK (state IN ('queued', 'sending', 'sent', 'delivered', 'failed', 'expired', 'unknown')),
  attempts        INTEGER NOT NULL DEFAULT 0,
  next_attempt_at INTEGER NOT NULL,   -- queued: not before; sending: until then the attempt is somebody's; sent: until then a report may come
  expires_at      INTEGER NOT NULL,   -- later than this nobody wants the message
  error           TEXT,               -- the last refusal, never the text
  smsc_id         TEXT,
  created_at      INTEGER NOT NULL,
  updated_at      INTEGER NOT NULL,
  PRIMARY KEY (operator, id)
) STRICT;

INSERT INTO messages_wider (operator, id, channel, recipient, account_id, purpose, sealed, parts, state, attempts, next_attempt_at, expires_at, error, smsc_id, created_at, updated_at)
SELECT operator, id, channel, recipient, account_id, purpose, sealed, parts, state, attempts, next_attempt_at, expires_at, error, smsc_id, created_at, updated_at
FROM messages;

DROP TABLE messages;
ALTER TABLE messages_wider RENAME TO messages;

CREATE INDEX messages_due ON messages (operator, state, next_attempt_at);
CREATE INDEX messages_recipient ON messages (operator, recipient, created_at);
CREATE INDEX messages_account ON messages (operator, account_id, created_at);
CREATE INDEX messages_created ON messages (operator, created_at);

-- What a resident reads in the app. By phone, because a person may have no account yet.
CREATE TABLE inbox_messages (
  id           INTEGER PRIMARY KEY AUTOINCREMENT,
  operator     TEXT NOT NULL,
  phone        TEXT NOT NULL,
  title        TEXT NOT NULL,
  text         TEXT NOT NULL,
  action       TEXT NOT NULL DEFAULT 'inbox',  -- what a tap on its push opens, in the apps' words
  link         TEXT,                           -- a URL that belongs to it: a fragment, a bill
  batch        TEXT,                           -- one sending to many; repeated with the same name it adds nothing
  created_at   INTEGER NOT NULL,
  delivered_at INTEGER,
  read_at      INTEGER
) STRICT;

CREATE INDEX inbox_messages_phone ON inbox_messages (operator, phone, created_at);
CREATE INDEX inbox_messages_unread ON inbox_messages (operator, phone) WHERE read_at IS NULL;
CREATE UNIQUE INDEX inbox_messages_batch ON inbox_messages (operator, batch, phone) WHERE batch IS NOT NULL;
CREATE INDEX inbox_messages_created ON inbox_messages (operator, created_at);

CREATE TABLE chat_messages (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  operator   TEXT NOT NULL,
  phone      TEXT NOT NULL,
  author     TEXT NOT NULL CHECK (author IN ('resident', 'operator')),
  name       TEXT,                             -- who of the operator's people wrote it
  text       TEXT NOT NULL,
  key        TEXT,                             -- the writer's own name for it, so that a repetition adds nothing
  created_at INTEGER NOT NULL,
  read_at    INTEGER                           -- by the other side
) STRICT;

CREATE INDEX chat_messages_phone ON chat_messages (operator, phone, id);
CREATE INDEX chat_messages_unread ON chat_messages (operator, phone, author) WHERE read_at IS NULL;
CREATE UNIQUE INDEX chat_messages_key ON chat_messages (operator, phone, author, key) WHERE key IS NOT NULL;
CREATE INDEX chat_messages_created ON chat_messages (operator, created_at);

CREATE INDEX app_installs_voip ON app_installs (operator, voip_token) WHERE voip_token IS NOT NULL;
