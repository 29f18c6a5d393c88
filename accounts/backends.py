"""Authentication backend of Django: checks passwords as every login does."""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.http import HttpRequest

from accounts import passwords
from accounts.errors import InvalidCredentials
from accounts.models import User


class AccountBackend(ModelBackend):
    """Finds users by user name or address; their permissions are those of ``ModelBackend``."""

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
