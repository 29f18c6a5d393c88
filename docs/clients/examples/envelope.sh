#!/bin/sh
# A client of the contract envelope: AUTH=... USERNAME=... PASSWORD=... sh envelope.sh
# Secrets reach curl by pipes and files: its arguments can be seen by everyone on the machine.
set -eu
api=$AUTH/c/envelope/api/auth folder=$(mktemp -d)
trap 'rm -r "$folder"' EXIT && trap 'exit 1' HUP INT TERM

send() { # URL, options of curl; prints the status. Retry-After is obeyed up to 30 seconds.
  curl -sS -o "$folder/answer" -w '%{http_code}' -H "@$folder/authorization" \
    -H 'Content-Type: application/json' -m 10 --retry 2 --retry-max-time 30 "$@"
}
field() { sed -n "s/.*\"$1\": *\"\([^\"]*\)\".*/\1/p" "$folder/answer"; }
check() { case $1 in 2*) ;; *) echo "$1 $(field message)" >&2; exit 1 ;; esac; }
quoted() { printf %s "$1" | sed 's/[\\"]/\\&/g; s/.*/"&"/'; }

log_in() {
  : >"$folder/authorization"
  status=$(printf '{"username": %s, "password": %s}' "$(quoted "$USERNAME")" \
    "$(quoted "$PASSWORD")" | send "$api/login" --data-binary @-)
  check "$status"
  printf 'Authorization: Bearer %s\n' "$(field token)" >"$folder/authorization"
}
call() { # after a 401, logs in again and sends once more: there is no refresh
  status=$(send "$@")
  if [ "$status" = 401 ]; then log_in; status=$(send "$@"); fi
  check "$status"
}

log_in
call "$api/validate"
echo "Logged in as $(field username)"
call "$api/logout" -X POST
echo "$(field message)"
