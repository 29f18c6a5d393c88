"""Secrets in reset mails."""

import re

from django.core.mail import EmailMessage

from accounts import password_reset
from accounts.models import PasswordReset, User


def token_in(message: EmailMessage | str) -> str:
    """Return the token of the link in a mail."""
    (token,) = set(re.findall(r"/reset/([\w-]{43})", text(message)))
    return str(token)


def code_in(message: EmailMessage | str, user: User) -> str:
    """Return the word of the mail that is a reset code of this user."""
    digests = set(PasswordReset.objects.filter(user=user).values_list("code_digest", flat=True))
    (code,) = {
        word
        for word in re.findall(r"\b\w{8}\b", text(message))
        if password_reset.code_digest(user.uuid, word) in digests
    }
    return str(code)


def text(message: EmailMessage | str) -> str:
    return message if isinstance(message, str) else str(message.body)
