-- What only the resident's app has: switches of a person, and the installed app behind each session.

CREATE TABLE residents (
  operator   TEXT NOT NULL,
  account_id TEXT NOT NULL,
  notify     INTEGER NOT NULL DEFAULT 1,   -- text notifications
  money      INTEGER NOT NULL DEFAULT 1,   -- payment reminders
  PRIMARY KEY (operator, account_id)
) STRICT;

CREATE TABLE app_installs (
  operator     TEXT NOT NULL,
  session_id   TEXT NOT NULL,
  account_id   TEXT NOT NULL,
  platform     TEXT CHECK (platform IN ('android', 'ios', 'harmony', 'web')),
  version      TEXT,
  manufacturer TEXT,
  model        TEXT,
  os_version   TEXT,
  push_token   TEXT,
  push_service TEXT,
  voip_token   TEXT,
  production   INTEGER NOT NULL DEFAULT 1,
  updated_at   INTEGER NOT NULL,           -- ms since 1970
  PRIMARY KEY (operator, session_id)
) STRICT;

CREATE INDEX app_installs_account ON app_installs (operator, account_id);
CREATE INDEX app_installs_push ON app_installs (operator, push_token) WHERE push_token IS NOT NULL;
