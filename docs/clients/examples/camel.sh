#!/bin/sh
# A client of the contract camel: AUTH=... USERNAME=... PASSWORD=... sh camel.sh
# Secrets reach curl by pipes and files: its arguments can be seen by everyone on the machine.
set -eu
api=$AUTH/c/camel/api/v1/auth folder=$(mktemp -d)
trap 'rm -r "$folder"' EXIT && trap 'exit 1' HUP INT TERM

send() { # URL, options of curl; prints the status. Retry-After is obeyed up to 30 seconds.
  curl -sS -o "$folder/answer" -w '%{http_code}' -H "@$folder/authorization" \
    -H 'Content-Type: application/json' -m 10 --retry 2 --retry-max-time 30 "$@"
}
field() { sed -n "s/.*\"$1\": *\"\([^\"]*\)\".*/\1/p" "$folder/answer"; }
check() { case $1 in 2*) ;; *) echo "$1 $(field error)" >&2; exit 1 ;; esac; }
quoted() { printf %s "$1" | sed 's/[\\"]/\\&/g; s/.*/"&"/'; }
authorize() { printf '%s\n' "${1:+Authorization: Bearer $1}" >"$folder/authorization"; }

log_in() {
  authorize ""
  status=$(printf '{"username": %s, "password": %s}' "$(quoted "$1")" "$(quoted "$2")" |
    send "$api/login" --data-binary @-)
  check "$status"
  authorize "$(field token)"
  refresh_token=$(field refreshToken)
}
refresh() {
  status=$(printf '{"refreshToken": "%s"}' "$refresh_token" | send "$api/refresh" -d @-)
  check "$status"
  authorize "$(field token)"
}
call() { # after a 401, refreshes and sends once more
  status=$(send "$@")
  if [ "$status" = 401 ]; then refresh; status=$(send "$@"); fi
  check "$status"
}

log_in "$USERNAME" "$PASSWORD"
call "$api/keys"
echo "Logged in as $USERNAME"
call "$api/logout" -X POST
echo "$(field message)"
