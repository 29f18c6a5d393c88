"""The mails that people get: subject, text and HTML, each a template that an operator can override."""

from typing import Any

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from ua_parser import parse

from accounts.models import OutgoingMail, User
from accounts.passwords import Proof


def reset(mail: OutgoingMail, user: User, proof: Proof) -> EmailMultiAlternatives:
    """A link and a code to choose a new password; who asked, until when it holds, and what to do if that was somebody else."""
    link = f"{settings.PUBLIC_URL}/reset/{proof.token}"
    return _message("reset", mail, user, link=link, code=proof.code, expires_at=proof.reset.expires_at, lifetime=settings.RESET_LIFETIME)


def password_changed(mail: OutgoingMail, user: User) -> EmailMultiAlternatives:
    """Word that the password was changed, and what to do if that was somebody else."""
    return _message("password_changed", mail, user, link=f"{settings.PUBLIC_URL}/forgot")


def _message(name: str, mail: OutgoingMail, user: User, **context: Any) -> EmailMultiAlternatives:
    context |= {
        "user": user,
        "asked_at": mail.created_at,
        "address": mail.address,
        "device": device(mail.user_agent),
        "service": settings.PUBLIC_URL,
    }
    subject = " ".join(render_to_string(f"emails/{name}_subject.txt", context).split())
    message = EmailMultiAlternatives(subject, render_to_string(f"emails/{name}.txt", context), to=[user.email or ""])
    message.attach_alternative(render_to_string(f"emails/{name}.html", context), "text/html")
    message.extra_headers["Auto-Submitted"] = "auto-generated"  # RFC 3834: no vacation notice answers it
    return message


def device(user_agent: str) -> str:
    """A rough name for what asked, as in ``Firefox on Linux``; empty for what is no browser."""
    found = parse(user_agent)
    browser = found.user_agent.family if found.user_agent else ""
    system = found.os.family if found.os else ""
    return " on ".join(part for part in (browser, system) if part)
