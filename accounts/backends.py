"""Django's way in, for the admin: the same account, password and refusals as every other."""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.http import HttpRequest

from accounts import passwords
from accounts.errors import InvalidCredentials
from accounts.models import User


class AccountBackend(ModelBackend):
    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **kwargs: Any,
    ) -> User | None:
        if username is None or password is None:
            return None
        try:
            return passwords.authenticate(username, password)
        except InvalidCredentials:
            return None
