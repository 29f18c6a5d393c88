"""Messages made from mails of the outbox: subject, text and HTML.

Each part is a template that an operator can override.
"""

from typing import Any

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.urls import reverse

from accounts import devices, request_context
from accounts.mail import templates
from accounts.models import OutgoingMail, User
from accounts.password_reset import ResetSecrets


def reset(mail: OutgoingMail, user: User, reset_secrets: ResetSecrets) -> EmailMultiAlternatives:
    """Return a password reset with its link and code, or an invitation with its link."""
    return _message(
        mail.template,
        mail,
        user,
        link=public_link("open-link", reset_secrets.token),
        code=reset_secrets.code,
        expires_at=reset_secrets.reset.expires_at,
        lifetime=settings.RESET_LIFETIME,
    )


def notice(mail: OutgoingMail, user: User) -> EmailMultiAlternatives:
    """Return a notice of what happened to the account; its context is the mail's ``data``."""
    return _message(mail.template, mail, user, link=public_link("forgot"), **mail.data)


def public_link(page: str, *args: str) -> str:
    """Return the address of a page under ``PUBLIC_URL``, never under a request's Host header."""
    return f"{settings.PUBLIC_URL}{reverse(page, args=args)}"


def _message(
    name: str, mail: OutgoingMail, user: User, /, **context: Any
) -> EmailMultiAlternatives:
    # The receiver of a mail cannot recognise the device and address of an operator.
    by_operator = (
        mail.contract == request_context.ADMIN and mail.template != mail.Template.NEW_NETWORK
    )
    context |= {
        "user": user,
        "asked_at": mail.created_at,
        "address": None if by_operator else mail.address,
        "device": "" if by_operator else devices.describe(mail.user_agent),
        "service": settings.PUBLIC_URL,
        "site_name": settings.SITE_NAME,
        "sections": templates.sections(name),
    }
    subject = " ".join(render_to_string(f"emails/{name}_subject.txt", context).split())
    message = EmailMultiAlternatives(
        subject, render_to_string(f"emails/{name}.txt", context), to=[mail.addressee]
    )
    message.attach_alternative(render_to_string(f"emails/{name}.html", context), "text/html")
    # RFC 3834: no vacation notice answers it.
    message.extra_headers["Auto-Submitted"] = "auto-generated"
    return message
