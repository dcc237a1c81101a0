-- Cameras of other makers, readers and plate cameras at doors, guests, fragments, the event log, the smart home.

ALTER TABLE devices ADD COLUMN mac TEXT;                                 -- aa:bb:cc:dd:ee:ff, of an SRT camera
ALTER TABLE devices ADD COLUMN port INTEGER;                             -- where an SRT camera sends to
ALTER TABLE devices ADD COLUMN server_type TEXT NOT NULL DEFAULT 'flussonic'
  CHECK (server_type IN ('flussonic', 'nimble', 'macroscop', 'forpost', 'trassir'));
ALTER TABLE devices ADD COLUMN hls_mode TEXT CHECK (hls_mode IN ('fmp4', 'mpegts'));  -- null: HLS_MODE
ALTER TABLE devices ADD COLUMN has_sound INTEGER NOT NULL DEFAULT 0;
CREATE UNIQUE INDEX devices_mac ON devices (operator, mac) WHERE mac IS NOT NULL;

ALTER TABLE doors ADD COLUMN rubetek_uuid TEXT;                          -- the plate camera that opens it
ALTER TABLE doors ADD COLUMN rubetek_ext INTEGER;                        -- 0 its inner side, 1 its outer one
ALTER TABLE doors ADD COLUMN z5r_serial TEXT;                            -- the Z5R-Web controller that opens it
CREATE INDEX doors_rubetek ON doors (operator, rubetek_uuid) WHERE rubetek_uuid IS NOT NULL;
CREATE INDEX doors_z5r ON doors (operator, z5r_serial) WHERE z5r_serial IS NOT NULL;

ALTER TABLE homes ADD COLUMN white_rabbit_until INTEGER NOT NULL DEFAULT 0;  -- the neighbours' doors open by themselves until then
CREATE INDEX homes_door_code ON homes (operator, door_code);

CREATE INDEX keys_key ON keys (operator, key);

CREATE TABLE plates (
  operator   TEXT NOT NULL,
  plate      TEXT NOT NULL,          -- Latin letters and digits only: A123BC71
  uid        INTEGER NOT NULL,
  comment    TEXT NOT NULL DEFAULT '',
  created_at INTEGER NOT NULL,
  PRIMARY KEY (operator, plate, uid)
) STRICT;

CREATE INDEX plates_uid ON plates (operator, uid);

-- People whom the contract's owner lets in.
CREATE TABLE guests (
  operator   TEXT NOT NULL,
  uid        INTEGER NOT NULL,
  phone      TEXT NOT NULL,
  type       TEXT NOT NULL CHECK (type IN ('inner', 'outer')),  -- lives there; may come through the gates
  expires_at INTEGER NOT NULL,
  granted_by TEXT NOT NULL,          -- phone of the owner: a remote billing knows the contract only by it
  invited_at INTEGER,                -- when the last SMS about it was sent
  created_at INTEGER NOT NULL,
  PRIMARY KEY (operator, uid, phone)
) STRICT;

CREATE INDEX guests_phone ON guests (operator, phone, expires_at);
CREATE INDEX guests_expiry ON guests (operator, expires_at);

-- Each SMS about it of the last day, so that neither a flat nor a phone gets too many. Outlives the guest.
CREATE TABLE guest_invitations (
  id       INTEGER PRIMARY KEY AUTOINCREMENT,
  operator TEXT NOT NULL,
  uid      INTEGER NOT NULL,
  phone    TEXT NOT NULL,
  at       INTEGER NOT NULL
) STRICT;

CREATE INDEX guest_invitations_uid ON guest_invitations (operator, uid, at);
CREATE INDEX guest_invitations_phone ON guest_invitations (operator, phone, at);
CREATE INDEX guest_invitations_at ON guest_invitations (operator, at);

CREATE TABLE flat_codes (
  operator   TEXT NOT NULL,
  code_hash  TEXT NOT NULL,          -- SHA-256 of what the QR code holds
  uid        INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  used_by    TEXT,                   -- phone
  used_at    INTEGER,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (operator, code_hash)
) STRICT;
CREATE INDEX flat_codes_expiry ON flat_codes (operator, expires_at);

CREATE TABLE passports (
  operator   TEXT NOT NULL,
  id         TEXT NOT NULL,
  uid        INTEGER NOT NULL,
  phone      TEXT NOT NULL,          -- who sent it
  account_id TEXT NOT NULL,
  file       TEXT NOT NULL,          -- key in R2; the picture is sealed
  state      TEXT NOT NULL DEFAULT 'sent' CHECK (state IN ('sent', 'confirmed', 'refused')),
  created_at INTEGER NOT NULL,
  decided_at INTEGER,
  PRIMARY KEY (operator, id)
) STRICT;

CREATE INDEX passports_uid ON passports (operator, uid, created_at);
CREATE INDEX passports_account ON passports (operator, account_id);
CREATE INDEX passports_state ON passports (operator, state, created_at);

-- Whoever has been sent a code to get a new password for a contract: which contract, and by which of its contacts.
CREATE TABLE contract_restores (
  operator   TEXT NOT NULL,
  account_id TEXT NOT NULL,
  contract   TEXT NOT NULL,          -- login
  type       TEXT NOT NULL CHECK (type IN ('phone', 'email')),
  value      TEXT NOT NULL,
  expires_at INTEGER NOT NULL,
  PRIMARY KEY (operator, account_id)
) STRICT;

CREATE INDEX contract_restores_expiry ON contract_restores (operator, expires_at);

-- The event log. A day is counted over the covering index alone.
ALTER TABLE events ADD COLUMN picture TEXT;                              -- id of the picture in R2
ALTER TABLE events ADD COLUMN preview INTEGER NOT NULL DEFAULT 0 CHECK (preview BETWEEN 0 AND 3);  -- 0 none, 1 camera, 2 face server
ALTER TABLE events ADD COLUMN hidden INTEGER NOT NULL DEFAULT 0;         -- kept, and not listed
DROP INDEX events_home;
CREATE INDEX events_home ON events (operator, uid, at, kind, device_id, hidden);
CREATE INDEX events_at ON events (operator, at);

CREATE TABLE camera_events (
  operator    TEXT NOT NULL,
  id          TEXT NOT NULL,
  device_id   INTEGER NOT NULL,
  started_at  INTEGER NOT NULL,
  ended_at    INTEGER NOT NULL,
  kind        INTEGER NOT NULL DEFAULT 0,  -- as the analytics number them
  description TEXT NOT NULL DEFAULT '',
  picture     TEXT,                  -- id of the picture in R2
  preview     INTEGER NOT NULL DEFAULT 0,
  analysis    TEXT,                  -- what was recognised
  PRIMARY KEY (operator, id)
) STRICT;

CREATE INDEX camera_events_device ON camera_events (operator, device_id, started_at, kind);
CREATE INDEX camera_events_at ON camera_events (operator, started_at);

-- Which kinds of events of a home a person wants to be told of.
CREATE TABLE event_subscriptions (
  operator   TEXT NOT NULL,
  account_id TEXT NOT NULL,
  uid        INTEGER NOT NULL,
  kinds      TEXT NOT NULL CHECK (json_valid(kinds)),  -- ["key","code","face","app","guest","plate"]
  PRIMARY KEY (operator, account_id, uid)
) STRICT;

CREATE INDEX event_subscriptions_uid ON event_subscriptions (operator, uid);

-- Stretches of archive that residents asked for as a file.
CREATE TABLE fragments (
  id              INTEGER PRIMARY KEY AUTOINCREMENT,
  operator        TEXT NOT NULL,
  device_id       INTEGER NOT NULL,
  from_s          INTEGER NOT NULL,        -- Unix seconds
  to_s            INTEGER NOT NULL,
  title           TEXT NOT NULL,
  url             TEXT NOT NULL,           -- where the camera plays
  server_type     TEXT NOT NULL,
  state           TEXT NOT NULL CHECK (state IN ('queued', 'loading', 'ready', 'failed')),
  attempts        INTEGER NOT NULL DEFAULT 0,
  next_attempt_at INTEGER NOT NULL,
  upload_id       TEXT,                    -- R2's multipart upload under way
  parts           TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(parts)),  -- those that R2 has: [{"etag","size","md5"}]
  source_etag     TEXT,                    -- the media server's: only of the same file a download is gone on with
  size            INTEGER,
  error           TEXT,
  created_at      INTEGER NOT NULL,        -- ms since 1970
  ready_at        INTEGER,
  expires_at      INTEGER NOT NULL
) STRICT;

CREATE UNIQUE INDEX fragments_range ON fragments (operator, device_id, from_s, to_s);
CREATE INDEX fragments_due ON fragments (operator, state, next_attempt_at);
CREATE INDEX fragments_expiry ON fragments (operator, expires_at);

CREATE TABLE fragment_readers (
  operator    TEXT NOT NULL,
  fragment_id INTEGER NOT NULL REFERENCES fragments (id) ON DELETE CASCADE,
  account_id  TEXT NOT NULL,
  phone       TEXT NOT NULL,
  uid         INTEGER NOT NULL,
  asked_at    INTEGER NOT NULL,
  told_at     INTEGER,                     -- when the app was told that it is ready
  PRIMARY KEY (operator, fragment_id, account_id)
) STRICT;

CREATE INDEX fragment_readers_fragment ON fragment_readers (fragment_id);
CREATE INDEX fragment_readers_account ON fragment_readers (operator, account_id, asked_at);
CREATE INDEX fragment_readers_untold ON fragment_readers (operator, fragment_id) WHERE told_at IS NULL;

-- Keys on their way to panels, each until the panel has taken it.
CREATE TABLE panel_jobs (
  operator        TEXT NOT NULL,
  device_id       INTEGER NOT NULL,
  uid             INTEGER NOT NULL,
  key             TEXT NOT NULL,
  change          TEXT NOT NULL CHECK (change IN ('add', 'remove')),  -- the last one wanted
  flat            TEXT NOT NULL,
  version         INTEGER NOT NULL DEFAULT 1,  -- raised by each change, so that an older attempt settles nothing
  state           TEXT NOT NULL CHECK (state IN ('queued', 'sending', 'done', 'failed')),
  attempts        INTEGER NOT NULL DEFAULT 0,
  next_attempt_at INTEGER NOT NULL,
  error           TEXT,
  updated_at      INTEGER NOT NULL,
  PRIMARY KEY (operator, device_id, uid, key)
) STRICT;

CREATE INDEX panel_jobs_due ON panel_jobs (operator, state, next_attempt_at);
CREATE INDEX panel_jobs_uid ON panel_jobs (operator, uid);
CREATE INDEX panel_jobs_forgotten ON panel_jobs (operator, updated_at) WHERE change = 'remove';

-- Faces that a resident marked in the event log. The pictures and the recognition are the face server's.
CREATE TABLE faces (
  operator   TEXT NOT NULL,
  uid        INTEGER NOT NULL,
  id         INTEGER NOT NULL,             -- the face server's number
  event_id   TEXT,                         -- in which it was marked
  account_id TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (operator, uid, id)
) STRICT;

CREATE INDEX faces_account ON faces (operator, account_id);
CREATE INDEX faces_event ON faces (operator, event_id);
CREATE INDEX faces_face ON faces (operator, id, uid);

-- Faces that nobody marks any more and that the face server may still know.
CREATE TABLE faces_to_forget (
  operator TEXT NOT NULL,
  id       INTEGER NOT NULL,
  since    INTEGER NOT NULL,
  PRIMARY KEY (operator, id)
) STRICT;

-- Where the operator has a network: what the app offers when somebody adds an address.
CREATE TABLE places (
  id       INTEGER PRIMARY KEY AUTOINCREMENT,
  operator TEXT NOT NULL,
  kind     TEXT NOT NULL CHECK (kind IN ('location', 'street', 'house')),
  parent   INTEGER REFERENCES places (id) ON DELETE CASCADE,
  name     TEXT NOT NULL,                  -- Тула; Мира; 3
  type     TEXT NOT NULL DEFAULT '',       -- of a street: улица
  search   TEXT NOT NULL,                  -- of a house: the whole address, folded
  latitude TEXT,
  longitude TEXT,
  services TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(services))  -- of a house: what may be connected
) STRICT;

CREATE INDEX places_parent ON places (parent);
CREATE INDEX places_kind ON places (operator, kind, parent, name);
CREATE INDEX places_search ON places (operator, search);

-- The smart home: controllers, rooms, what hangs on the controllers.
CREATE TABLE sh_nodes (
  operator      TEXT NOT NULL,
  id            TEXT NOT NULL,             -- uuid
  mac           TEXT NOT NULL,             -- printed on the box
  type          TEXT NOT NULL,
  name          TEXT,
  vendor        TEXT NOT NULL DEFAULT '',
  uid           INTEGER,                   -- null: nobody's yet
  is_up         INTEGER NOT NULL DEFAULT 0,
  hw_version    TEXT NOT NULL DEFAULT '',
  os_version    TEXT NOT NULL DEFAULT '',
  sw_version    TEXT NOT NULL DEFAULT '',
  sw_date       TEXT NOT NULL DEFAULT '',
  needs_upgrade INTEGER NOT NULL DEFAULT 0,
  seen_at       INTEGER,
  PRIMARY KEY (operator, id)
) STRICT;

CREATE UNIQUE INDEX sh_nodes_mac ON sh_nodes (operator, mac);
CREATE INDEX sh_nodes_uid ON sh_nodes (operator, uid);

CREATE TABLE sh_rooms (
  operator   TEXT NOT NULL,
  uid        INTEGER NOT NULL,
  id         TEXT NOT NULL,
  name       TEXT NOT NULL,
  priority   INTEGER NOT NULL,             -- 1-based order in the home
  is_visible INTEGER NOT NULL DEFAULT 1,
  PRIMARY KEY (operator, uid, id)
) STRICT;

CREATE TABLE sh_items (
  operator   TEXT NOT NULL,
  uid        INTEGER NOT NULL,
  node_id    TEXT NOT NULL,
  id         TEXT NOT NULL,
  room_id    TEXT,
  type       TEXT NOT NULL,
  multitype  TEXT,
  meta       TEXT,
  vendor     TEXT NOT NULL DEFAULT '',
  name       TEXT NOT NULL,
  priority   INTEGER NOT NULL,             -- 1-based order in its room
  is_visible INTEGER NOT NULL DEFAULT 1,
  PRIMARY KEY (operator, uid, node_id, id)
) STRICT;

CREATE INDEX sh_items_room ON sh_items (operator, uid, room_id, priority);
