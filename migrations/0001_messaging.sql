-- Messages on their way out, messages that came in, and what no queue consumer could digest.
-- All *_at are milliseconds since 1970.

CREATE TABLE messages (
  operator        TEXT NOT NULL,
  id              TEXT NOT NULL,
  channel         TEXT NOT NULL CHECK (channel IN ('sms', 'flashcall')),
  recipient       TEXT NOT NULL,      -- phone, digits with country code
  purpose         TEXT NOT NULL,
  sealed          TEXT,               -- the text, AES-GCM; wiped once the message has left or can no longer leave
  parts           INTEGER NOT NULL,   -- SMS that it takes; 0 for a flash call
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

CREATE INDEX messages_due ON messages (operator, state, next_attempt_at);
CREATE INDEX messages_recipient ON messages (operator, recipient, created_at);

CREATE TABLE inbound_messages (
  operator    TEXT NOT NULL,
  id          TEXT NOT NULL,          -- Kannel's id, so that a repeated callback adds nothing
  sender      TEXT NOT NULL,
  recipient   TEXT NOT NULL,
  text        TEXT NOT NULL,
  received_at INTEGER NOT NULL,
  PRIMARY KEY (operator, id)
) STRICT;

CREATE INDEX inbound_messages_received ON inbound_messages (operator, received_at);

CREATE TABLE dead_letters (
  operator    TEXT NOT NULL,
  id          TEXT NOT NULL,
  queue       TEXT NOT NULL,
  body        TEXT NOT NULL,          -- JSON
  failed_at   INTEGER NOT NULL,
  replayed_at INTEGER,
  PRIMARY KEY (operator, id)
) STRICT;

CREATE INDEX dead_letters_open ON dead_letters (operator, replayed_at, failed_at);
