-- Cameras, doors, who may use them, what happened at them, and the tokens that open streams.

CREATE TABLE devices (
  device_id   INTEGER PRIMARY KEY AUTOINCREMENT,
  operator    TEXT NOT NULL,
  uuid        TEXT NOT NULL,           -- the stream's name on the media server
  type        INTEGER NOT NULL CHECK (type BETWEEN 1 AND 5),  -- 1 camera, 2 SRT camera, 3 lock, 4 IPTV, 5 indoor monitor
  url         TEXT,                    -- media server, no slash at the end
  is_active   INTEGER NOT NULL DEFAULT 0,
  title       TEXT NOT NULL,
  address     TEXT,
  longitude   TEXT,                    -- decimal text, as billing wrote it and as the apps want it
  latitude    TEXT,
  record_days INTEGER,                 -- archive depth; null: not limited by us
  domophoneid INTEGER,
  monitorid   INTEGER,
  dtmf        TEXT,
  paneltype   INTEGER,
  panelip     TEXT,
  secrets     TEXT,                    -- sealed JSON: stream, sippassword, camshot, panellogin, panelpasswd
  created_at  INTEGER NOT NULL         -- ms since 1970, as are all *_at
) STRICT;

CREATE UNIQUE INDEX devices_uuid ON devices (operator, uuid);
CREATE UNIQUE INDEX devices_domophone ON devices (operator, domophoneid) WHERE domophoneid IS NOT NULL;
CREATE UNIQUE INDEX devices_monitor ON devices (operator, monitorid) WHERE monitorid IS NOT NULL;
CREATE INDEX devices_address ON devices (operator, address);

-- Apps in the field remember 0, 2 and 4 as doors that are not there: real devices begin at 11.
INSERT INTO devices (device_id, operator, uuid, type, title, created_at) VALUES (10, '-', '-', 1, '-', 0);
DELETE FROM devices WHERE device_id = 10;

CREATE TABLE doors (
  id        INTEGER PRIMARY KEY AUTOINCREMENT,
  operator  TEXT NOT NULL,
  device_id INTEGER NOT NULL REFERENCES devices (device_id) ON DELETE CASCADE,  -- the lock
  cam       INTEGER NOT NULL REFERENCES devices (device_id) ON DELETE CASCADE,
  icon      TEXT NOT NULL CHECK (icon IN ('entrance', 'wicket', 'gate', 'barrier')),
  entrance  TEXT,
  name      TEXT NOT NULL,
  open      TEXT NOT NULL,             -- sealed: the URL that opens it, with credentials
  open_trait TEXT NOT NULL DEFAULT 'GET' CHECK (open_trait IN ('GET', 'PUT', 'POST'))
) STRICT;

-- Without the operator: these also serve the foreign keys, and a device has one operator.
CREATE INDEX doors_device ON doors (device_id);
CREATE INDEX doors_cam ON doors (cam);

CREATE TABLE rights (
  operator  TEXT NOT NULL,
  uid       INTEGER NOT NULL,          -- contract; 0: everybody (the city's cameras)
  device_id INTEGER NOT NULL REFERENCES devices (device_id) ON DELETE CASCADE,
  PRIMARY KEY (operator, uid, device_id)
) STRICT;

CREATE INDEX rights_device ON rights (device_id);

CREATE TABLE keys (
  operator   TEXT NOT NULL,
  uid        INTEGER NOT NULL,
  key        TEXT NOT NULL,            -- RFID, hex in lower case
  comment    TEXT NOT NULL DEFAULT '',
  created_at INTEGER NOT NULL,
  PRIMARY KEY (operator, uid, key)
) STRICT;

CREATE TABLE homes (
  operator         TEXT NOT NULL,
  uid              INTEGER NOT NULL,
  cms              INTEGER NOT NULL DEFAULT 1,   -- the handset in the flat rings
  voip             INTEGER NOT NULL DEFAULT 1,   -- calls reach the app
  white_rabbit     INTEGER NOT NULL DEFAULT 0,   -- minutes
  auto_open_until  INTEGER NOT NULL DEFAULT 0,
  door_code        TEXT NOT NULL,
  door_code_on     INTEGER NOT NULL DEFAULT 1,
  frs_off          INTEGER NOT NULL DEFAULT 0,
  event_log_off    INTEGER NOT NULL DEFAULT 0,
  event_log_hidden INTEGER NOT NULL DEFAULT 0,   -- only the contract's owner sees it
  paper_bill       INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (operator, uid)
) STRICT;

CREATE TABLE events (
  operator   TEXT NOT NULL,
  id         TEXT NOT NULL,
  uid        INTEGER NOT NULL,
  at         INTEGER NOT NULL,
  kind       INTEGER NOT NULL CHECK (kind BETWEEN 1 AND 9),  -- 1 missed, 2 answered, 3 key, 4 app, 5 face, 6 code, 7 gate by call, 9 plate
  device_id  INTEGER NOT NULL,         -- the camera that saw it
  title      TEXT NOT NULL,
  detail     TEXT NOT NULL DEFAULT '',
  extra      TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(extra)),
  PRIMARY KEY (operator, id)
) STRICT;

CREATE INDEX events_home ON events (operator, uid, at);

CREATE TABLE camera_grants (
  operator   TEXT NOT NULL,
  session_id TEXT NOT NULL,
  digest     TEXT NOT NULL,            -- of what may be watched: the same set gets the same token
  account_id TEXT NOT NULL,
  contracts  TEXT NOT NULL CHECK (json_valid(contracts)),
  streams    TEXT NOT NULL CHECK (json_valid(streams)),
  issued_at  INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  reviewed_at INTEGER NOT NULL DEFAULT 0,  -- when a billing of the operator's was last asked whether it still holds
  PRIMARY KEY (operator, session_id, digest)
) STRICT;

CREATE INDEX camera_grants_live ON camera_grants (operator, expires_at);

CREATE TABLE camera_revocations (
  operator   TEXT NOT NULL,
  subject    TEXT NOT NULL,            -- c<uid>: tokens that were issued for this contract before revoked_at
  revoked_at INTEGER NOT NULL,
  PRIMARY KEY (operator, subject)
) STRICT;

CREATE INDEX camera_revocations_at ON camera_revocations (operator, revoked_at);
