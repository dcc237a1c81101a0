-- Mail goes the way of SMS, and a message may say which account it is for. SQLite widens a CHECK only by a new table.

CREATE TABLE messages_wider (
  operator        TEXT NOT NULL,
  id              TEXT NOT NULL,
  channel         TEXT NOT NULL CHECK (channel IN ('sms', 'flashcall', 'email')),
  recipient       TEXT NOT NULL,      -- phone, digits with country code; or an address of e-mail
  account_id      TEXT,               -- whom it is for, if that was known
  purpose         TEXT NOT NULL,
  sealed          TEXT,               -- the text, for a mail JSON {subject, text}, AES-GCM; wiped once the message has left or can no longer leave
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

INSERT INTO messages_wider (operator, id, channel, recipient, purpose, sealed, parts, state, attempts, next_attempt_at, expires_at, error, smsc_id, created_at, updated_at)
SELECT operator, id, channel, recipient, purpose, sealed, parts, state, attempts, next_attempt_at, expires_at, error, smsc_id, created_at, updated_at
FROM messages;

DROP TABLE messages;
ALTER TABLE messages_wider RENAME TO messages;

CREATE INDEX messages_due ON messages (operator, state, next_attempt_at);
CREATE INDEX messages_recipient ON messages (operator, recipient, created_at);
CREATE INDEX messages_account ON messages (operator, account_id, created_at);
CREATE INDEX messages_created ON messages (operator, created_at);
