"""What people find in the mails that they get."""

import re

from django.core.mail import EmailMessage

from accounts import passwords
from accounts.models import PasswordReset, User


def token_in(message: EmailMessage | str) -> str:
    """The token of the link, whatever the template puts around it."""
    (token,) = set(re.findall(r"/reset/([\w-]{43})", text(message)))
    return str(token)


def code_in(message: EmailMessage | str, user: User) -> str:
    """The one word that is a code of this account."""
    digests = set(PasswordReset.objects.filter(user=user).values_list("code_digest", flat=True))
    (code,) = {
        word
        for word in re.findall(r"\b\w{8}\b", text(message))
        if passwords._code_digest(user.uuid, word) in digests
    }
    return str(code)


def text(message: EmailMessage | str) -> str:
    return message if isinstance(message, str) else str(message.body)
