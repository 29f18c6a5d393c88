#!/bin/sh
# A client of the contract challenge: AUTH=... USERNAME=... PASSWORD=... sh challenge.sh
# Secrets reach curl by pipes and files: its arguments can be seen by everyone on the machine.
set -eu
api=$AUTH/c/challenge/v1 folder=$(mktemp -d)
trap 'rm -r "$folder"' EXIT && trap 'exit 1' HUP INT TERM
: >"$folder/authorization"
send() { # URL, options of curl; prints the status. Retry-After is obeyed up to 30 seconds.
  curl -sS -o "$folder/answer" -w '%{http_code}' -H "@$folder/authorization" \
    -H 'Content-Type: application/json' -m 10 --retry 2 --retry-max-time 30 "$@"
}
field() { sed -n "s/.*\"$1\": *\"\([^\"]*\)\".*/\1/p" "$folder/answer"; }
quoted() { printf %s "$1" | sed 's/[\\"]/\\&/g; s/.*/"&"/'; }
check() { case $1 in 2*) ;; *) echo "$1 $(field message)" >&2; exit 1 ;; esac; }
bearer() { printf 'Authorization: Bearer %s\n' "$(field access_token)" >"$folder/authorization"; }
post() { # path, and the fields beside the user name
  status=$(printf '{"username": %s, %s}' "$(quoted "$USERNAME")" "$2" |
    send "$api/$1" --data-binary @-)
  check "$status"
}
call() { # after a 401, refreshes and sends once more
  status=$(send "$@")
  if [ "$status" = 401 ]; then
    post token-refresh "\"refresh_token\": \"$refresh_token\""
    bearer
    status=$(send "$@")
  fi
  check "$status"
}

post login "\"password\": $(quoted "$PASSWORD")"
case $(field challenge_name) in NEW_PASSWORD_REQUIRED)
  new="\"session\": \"$(field session)\", \"new_password\": $(quoted "${NEW_PASSWORD:?has to be set}")"
  post new-password-required "$new" ;;
esac
bearer && refresh_token=$(field refresh_token)
call "$AUTH/auth/forward" # or a URL of your program
echo "Logged in as $USERNAME"
post token-revoke "\"refresh_token\": \"$refresh_token\""
echo "Logged out"
