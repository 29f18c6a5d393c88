"""A client of the contract bearer: AUTH=... USERNAME=... PASSWORD=... python bearer.py"""

import os
import threading
import time
from typing import Any

import httpx


class AuthError(Exception):
    """A refusal in the words of the service; its status 401 says that the user has to log in."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{status} {text}")
        self.status = status


class BearerClient:
    """The session of one user. Threads may share it."""

    def __init__(self, auth: str) -> None:
        self._http = httpx.Client(base_url=f"{auth}/c/bearer/api/v1/auth", timeout=10)
        self._lock = threading.Lock()  # one login, refresh or logout at a time
        self._tokens: dict[str, Any] = {}

    def log_in(self, username: str, password: str) -> None:
        body = {"username": username, "password": password}
        with self._lock:
            self._tokens = self._send("POST", "login", json=body)

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
            tokens, self._tokens = self._tokens, {}
            return self._send("POST", "logout", tokens)

    def _refresh(self) -> None:
        body = {"refresh_token": self._tokens["refresh_token"]}
        try:
            self._tokens = self._tokens | self._send("POST", "refresh", json=body)
        except AuthError as error:
            if error.status == 401:  # the session has ended
                self._tokens = {}
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
            raise AuthError(answer.status_code, body.get("detail", answer.reason_phrase))
        return body


if __name__ == "__main__":
    client = BearerClient(os.environ["AUTH"])
    client.log_in(os.environ["USERNAME"], os.environ["PASSWORD"])
    client.call("GET", f"{os.environ['AUTH']}/auth/forward")  # or a URL of your program
    print("Logged in as", os.environ["USERNAME"], "-", client.log_out()["message"])
