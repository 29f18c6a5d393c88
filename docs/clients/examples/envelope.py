"""A client of the contract envelope: AUTH=... USERNAME=... PASSWORD=... python envelope.py"""

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


class EnvelopeClient:
    """The session of one user. Threads may share it. For a new token it logs in again."""

    def __init__(self, auth: str) -> None:
        self._http = httpx.Client(base_url=f"{auth}/c/envelope/api/auth", timeout=10)
        self._lock = threading.Lock()  # one login or logout at a time
        self._credentials: dict[str, str] = {}
        self._token = ""

    def log_in(self, username: str, password: str) -> None:
        with self._lock:
            self._credentials = {"username": username, "password": password}
            self._renew_token()

    def call(self, method: str, url: str, **options: Any) -> Any:
        """Send a request with the token; after a 401, log in again and send once more."""
        token = self._token
        try:
            return self._send(method, url, token, **options)
        except AuthError as error:
            if error.status != 401:
                raise
        with self._lock:  # threads wait here until the first of them has logged in
            if token and self._token == token:
                self._renew_token()
        return self._send(method, url, self._token, **options)

    def log_out(self) -> Any:
        with self._lock:
            token, self._token, self._credentials = self._token, "", {}
            return self._send("POST", "logout", token)

    def _renew_token(self) -> None:
        try:
            self._token = self._send("POST", "login", json=self._credentials)["token"]
        except AuthError as error:
            self._token = "" if error.status < 500 else self._token
            raise

    def _send(self, method: str, url: str, token: str | None = None, **options: Any) -> Any:
        """Return the JSON of an answer. Wait if the service asks for up to 30 seconds, twice."""
        if token == "":
            raise AuthError(401, "Log in first")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
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
    client = EnvelopeClient(os.environ["AUTH"])
    client.log_in(os.environ["USERNAME"], os.environ["PASSWORD"])
    print("Logged in as", client.call("GET", "validate")["user"]["username"])
    print(client.log_out()["message"])
