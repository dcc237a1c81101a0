-- What the demo needs before anybody can sign in: an operator, and the client that the operator's own app is.
INSERT OR IGNORE INTO operators (operator, name, country, lang, params, created_at, updated_at)
VALUES ('main', 'Yardgate', 'RU', 'ru', '{}', unixepoch() * 1000, unixepoch() * 1000);

INSERT OR IGNORE INTO clients
  (operator, id, name, app_type, source, kind, first_party, methods, scopes, aud, origins, otp_length, login_on_activation, status, created_at)
VALUES
  ('main', 'cli_app', 'Yardgate app', 'mobile', 'demo', 'public', 1, '["password","sms","code"]', '[]', '[]', '[]', 6, 1, 'active', unixepoch() * 1000);
