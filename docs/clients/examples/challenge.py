"""A client of the contract challenge: AUTH=... USERNAME=... PASSWORD=... python challenge.py"""

import threading
import time
from os import environ
from typing import Any

import httpx


# A refusal in the words of the service; its status 401 says that the user has to log in.
class AuthError(Exception):
    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{status} {text}")
        self.status = status


class ChallengeClient:
    def __init__(self, auth: str) -> None:
        self._http = httpx.Client(base_url=f"{auth}/c/challenge/v1", timeout=10)
        self._lock = threading.Lock()  # threads may share this session of a user
        self._tokens: dict[str, Any] = {}

    def log_in(self, username: str, password: str, new_password: str = "") -> None:
        user = {"username": username}
        with self._lock:
            answer = self._send("POST", "login", json=user | {"password": password})
            if answer.get("challenge_name") == "NEW_PASSWORD_REQUIRED":
                new = {"session": answer["session"], "new_password": new_password}
                answer = self._send("POST", "new-password-required", json=user | new)
            self._tokens = user | answer

    def call(self, method: str, url: str, **options: Any) -> Any:
        """Send a request with the access token; after a 401, refresh it and send once more."""
        tokens = self._tokens
        try:
            return self._send(method, url, tokens, **options)
        except AuthError as error:
            if error.status != 401:
                raise
        with self._lock:  # threads wait here until the first of them has refreshed
            if tokens and self._tokens is tokens:
                self._refresh()
        return self._send(method, url, self._tokens, **options)

    def log_out(self) -> Any:
        with self._lock:
            body, self._tokens = {"refresh_token": self._tokens.get("refresh_token")}, {}
            return self._send("POST", "token-revoke", json=body)

    def _refresh(self) -> None:
        body = {name: self._tokens[name] for name in ("username", "refresh_token")}
        try:
            self._tokens = self._tokens | self._send("POST", "token-refresh", json=body)
        except AuthError as error:
            self._tokens = {} if error.status == 401 else self._tokens
            raise

    def _send(self, method: str, url: str, tokens: Any = None, **options: Any) -> Any:
        """Return the JSON of an answer. Wait if the service asks for up to 30 seconds, twice."""
        if tokens == {}:
            raise AuthError(401, "Log in first")
        headers = {"Authorization": f"Bearer {tokens['access_token']}"} if tokens else {}
        for last in (False, False, True):
            answer = self._http.request(method, url, headers=headers, **options)
            wait = answer.headers.get("Retry-After", "") if answer.status_code in (429, 503) else ""
            if last or not wait.isdecimal() or int(wait) > 30:
                break
            time.sleep(int(wait))
        body = answer.json() if "json" in answer.headers.get("Content-Type", "") else {}
        if answer.is_error:
            raise AuthError(answer.status_code, body.get("message", answer.reason_phrase))
        return body


if __name__ == "__main__":
    client = ChallengeClient(environ["AUTH"])
    client.log_in(environ["USERNAME"], environ["PASSWORD"], environ.get("NEW_PASSWORD", ""))
    client.call("GET", f"{environ['AUTH']}/auth/forward")  # or a URL of your program
    print("Logged in as", environ["USERNAME"], "-", client.log_out().get("message", "Logged out"))
