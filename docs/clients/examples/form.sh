#!/bin/sh
# A client of the contract form: AUTH=... USERNAME=... PASSWORD=... sh form.sh
# Secrets reach curl by pipes and files: its arguments can be seen by everyone on the machine.
set -eu
api=$AUTH/c/form/api/v1/auth folder=$(mktemp -d)
trap 'rm -r "$folder"' EXIT && trap 'exit 1' HUP INT TERM
send() { # URL, options of curl; prints the status. Retry-After is obeyed up to 30 seconds.
  curl -sS -o "$folder/answer" -w '%{http_code}' -H "@$folder/authorization" \
    -m 4 --retry 2 --retry-max-time 30 "$@"
}
field() { sed -n "s/.*\"$1\": *\"\([^\"]*\)\".*/\1/p" "$folder/answer"; }
check() { case $1 in 2*) ;; *) echo "$1 $(field detail)" >&2; exit 1 ;; esac; }
keep_tokens() {
  check "$1"
  printf 'Authorization: Bearer %s\n' "$(field 'access_token": *{"token')" >"$folder/authorization"
  refresh_token=$(field 'refresh_token": *{"token')
}

log_in() {
  : >"$folder/authorization"
  status=$(printf %s "$2" |
    send "$api/login" --data-urlencode "username=$1" --data-urlencode password@-)
  keep_tokens "$status"
}
refresh() {
  status=$(printf '{"token": "%s"}' "$refresh_token" |
    send "$api/refresh" -H 'Content-Type: application/json' -d @-)
  keep_tokens "$status"
}
call() { # after a 401, refreshes and sends once more
  status=$(send "$@")
  if [ "$status" = 401 ]; then refresh; status=$(send "$@"); fi
  check "$status"
}

log_in "$USERNAME" "$PASSWORD"
call "$api/me"
echo "Logged in as $(field username)"
call "$api/logout" -X POST
echo "$(field message)"
