#!/usr/bin/env bash
# A gateway's user syncs with openssl and curl in place of an app, once in two steps and once in one, and then sends an SMS:
#
#   handshake.sh <base URL> <user id> <password> <number> <key of a gateway client> [recipient of the mail]
#
# Ends with 0 when every answer was the right one. NODE is the Node (22 or newer) that speaks to the websocket.
set -eu

[ $# -ge 5 ] || { sed -n '2,6s/^# \{0,1\}//p' "$0" >&2; exit 2; }
base=${1%/} user=$2 password=$3 number=$4 client_key=$5 recipient=${6:-to@example.org}
node=${NODE:-node}
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
listener=
trap '[ -z "$listener" ] || kill "$listener" 2>/dev/null || true; rm -rf "$work"' EXIT

fail() { echo "FAILED: $1" >&2; shift; printf '%s\n' "$@" >&2; exit 1; }
pass() { echo "ok: $1"; }
# is <what> <expected> <actual>; matches <what> <extended regular expression> <actual>
is() { [ "$2" = "$3" ] && pass "$1" || fail "$1" "expected: $2" "actual:   $3"; }
matches() { printf %s "$3" | tr '\n' ' ' | grep -Eq "^($2)\$" && pass "$1" || fail "$1" "expected: $2" "actual:   $3"; }

# A text of a JSON answer by its name, without jq: our answers have no quotes and no backslashes but \n in such texts.
field() { echo "$(sed -n "s/.*\"$1\": \{0,1\}\"\([^\"]*\)\".*/\1/p" "$2" | sed 's/\\n/\n/g')"; }
hex() { od -An -v -tx1 | tr -d ' \n'; }

# post <path or URL> <file> [curl's arguments]: says the status; the answer is in $work/answer
post() {
  local url=$1 file=$2
  shift 2
  case $url in http*) ;; *) url=$base$url ;; esac
  curl -sS -o "$work/answer" -w '%{http_code}' -H 'Content-Type: application/json' --data-binary "@$file" "$@" "$url"
}
answer() { cat "$work/answer"; }

# listen <URL>: the frames of the websocket come as lines into $work/frames
listen() {
  : >"$work/frames"
  "$node" "$here/support/websocket-lines.mjs" "$1" >"$work/frames" 2>"$work/listener-errors" &
  listener=$!
}
# frame <number>: waits for it and says it
frame() {
  for _ in $(seq 200); do
    [ "$(wc -l <"$work/frames")" -lt "$1" ] || { sed -n "$1p" "$work/frames"; return; }
    sleep 0.1
  done
  fail "frame $1 did not come" "$(cat "$work/frames" "$work/listener-errors")"
}

# seal <public key> <digest of MGF1>: encrypts what comes in; unseal <digest of MGF1>: opens base64 with our own key. Labels are SHA-256.
oaep="-pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:sha256 -pkeyopt rsa_mgf1_md:"
seal() { openssl pkeyutl -encrypt -pubin -inkey "$1" $oaep"$2" | openssl base64 -A; }
unseal() { openssl base64 -d -A | openssl pkeyutl -decrypt -inkey "$work/own.pem" $oaep"$1"; }

shared_key_in_answer() { field shared_key "$work/answer" | unseal sha1; }

# new_session: gets the URL of a websocket, listens to it, and takes the session's id out of both
new_session() {
  local url
  url=$(curl -sSf -H 'content-type: text/plain' "$base/v2/sync/users/$user")
  matches "the sync URL has a port, the user and a session" "wss?://[^/]+:[0-9]+/v2/sync/init/$user/[0-9a-f]{32}" "$url"
  session=${url##*/}
  listen "$url"
  frame 1 >"$work/frame"
  qr_url=$(field qr_url "$work/frame")
  matches "frame 1 leads to the handshake of this session, by a URL with a port" \
    "https?://[^/]+:[0-9]+/v2/sync/users/$user/sessions/$session/handshake" "$qr_url"
  is "frame 1 has the same for the phone's own link" "app${qr_url#http}" "$(field mobile_url "$work/frame")"
}
# done_by <number>: that frame is the acknowledgement, and the next line the end
done_by() {
  is "the websocket hears of the password" "200- ack" "$(frame "$1")"
  is "the websocket is closed" "closed 1000" "$(frame $(($1 + 1)))"
  wait "$listener" && listener=
}

openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$work/own.pem" 2>/dev/null
openssl pkey -in "$work/own.pem" -pubout -out "$work/own-public.pem"
own_public=$(cat "$work/own-public.pem") # with its line breaks, which go into the JSON as they are

echo "# In two steps"
new_session
printf '{"public_key": "%s"}' "$own_public" >"$work/body"
is "the handshake is taken" 200 "$(post "$qr_url" "$work/body")"
is "the websocket hears of the handshake" "201- pause" "$(frame 2)"
{ field verification_url "$work/answer"; field public_key "$work/answer"; } >"$work/both"
verification_url=$(sed -n 1p "$work/both")
is "the password's path is that of the session" "/v2/sync/users/$user/sessions/$session" "$verification_url"
# Scripts in the field tell the path from the key so; a key with these two characters would lose a line.
sed '/v2/d' "$work/both" >"$work/server.pem"
openssl pkey -pubin -in "$work/server.pem" -noout || fail "the server's key is not one" "$(cat "$work/server.pem")"

printf '{"password": "%s"}' "$(printf 'not %s' "$password" | seal "$work/server.pem" sha1)" >"$work/body"
is "a wrong password is refused" 401 "$(post "$verification_url" "$work/body")"
is "and it is said how" "failed to authenticate" "$(answer)"

printf '{"password": "%s"}' "$(printf %s "$password" | seal "$work/server.pem" sha1)" >"$work/body"
is "the right password is taken" 200 "$(post "$verification_url" "$work/body")"
matches "the answer says where the seeds are" "https?://[^/]+:[0-9]+/seeds" "$(field seeds_url "$work/answer")"
first_key=$(shared_key_in_answer)
matches "the shared key is 32 hex digits" "[0-9a-f]{32}" "$first_key"
done_by 3
is "the same password once more is taken" 200 "$(post "$verification_url" "$work/body")"
is "and gets the same key" "$first_key" "$(shared_key_in_answer)"

echo "# In one step"
curl -sSf "$base/v2/sync/public-key" >"$work/asked.pem"
is "the key that may be asked for is the one of the handshake" \
  "$(openssl pkey -pubin -in "$work/server.pem")" "$(openssl pkey -pubin -in "$work/asked.pem")"
one_step() {
  printf '{"public_key": "%s", "password": "%s", "mgf1ParameterSpec": "sha256"}' "$own_public" \
    "$(printf %s "$password" | seal "$work/asked.pem" sha256)"
}
one_step >"$work/body"
is "a session that nobody has issued is refused" 400 "$(post "/v2/sync/users/$user/sessions/000/" "$work/body")"
is "and it is said why" "invalid session requested" "$(answer)"
new_session
is "key and password are taken at once" 200 "$(post "/v2/sync/users/$user/sessions/$session/" "$work/body")"
is "the websocket hears of the code's scan" "201- pause" "$(frame 2)"
done_by 3
shared_key=$(shared_key_in_answer)
matches "the shared key is 32 hex digits" "[0-9a-f]{32}" "$shared_key"
[ "$shared_key" != "$first_key" ] || fail "the key is the old one"
msisdn_hash=$(field msisdn_hash "$work/answer")
matches "the number's hash is 128 hex digits" "[0-9a-f]{128}" "$msisdn_hash"

printf %s "$msisdn_hash" >"$work/signed"
signature=$(openssl dgst -sha512 -sign "$work/own.pem" -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:64 \
  -sigopt rsa_mgf1_md:sha512 "$work/signed" | openssl base64 -A)
printf '{"msisdn": "%s", "msisdn_signature": "%s"}' "$(seal "$work/asked.pem" sha1 <"$work/signed")" "$signature" >"$work/body"
is "the app may ask whether its key is still the one" 200 "$(post /v2/sync/users/verification "$work/body")"
is "and it is" "$shared_key" "$(shared_key_in_answer)"

echo "# An SMS"
iv=$((1234567890123456 + RANDOM))
ciphertext=$(printf 'g:%s:::%s:%s\n' "$recipient" "A subject" "A body: $session" |
  openssl enc -aes-256-cbc -K "$(printf %s "$shared_key" | hex)" -iv "$(printf %s "$iv" | hex)" | openssl base64)
# The lines of the inner base64 are joined by spaces, and it ends with a newline.
text=$({ printf %s "$iv"; printf %s "$ciphertext" | tr '\n' ' '; echo; } | openssl base64 -A)
printf '{"text": "%s", "MSISDN": "%s"}' "$text" "$number" >"$work/body"
for time in once twice; do
  is "an SMS that is brought $time is taken" 200 \
    "$(post /sms/platform/gateway-server "$work/body" -H "Authorization: Bearer $client_key")"
  is "and it is said so" 'published!' "$(answer)"
done
