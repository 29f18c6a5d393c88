"""The mails that people get: subject, text and HTML, each a template that an operator can override."""

from typing import Any

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _
from ua_parser import parse

from accounts import request_context
from accounts.mail import templates
from accounts.models import OutgoingMail, User
from accounts.password_reset import ResetSecrets

# What a mail may say of a device: whoever asked has written its name, and should not get to write the mail.
BROWSERS = ("Firefox", "Edge", "Opera", "Samsung Internet", "Chrome", "Safari")
SYSTEMS = ("Windows", "Android", "iOS", "Mac OS X", "Chrome OS", "Ubuntu", "Linux")


def reset(mail: OutgoingMail, user: User, reset_secrets: ResetSecrets) -> EmailMultiAlternatives:
    """A link and a code to choose a new password; who asked, until when it holds, and what to do if that was somebody else.

    Of an invitation: a link to choose the first one, and until when it holds.
    """
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
    """Word of what happened to the account, as in ``password_changed``, and what to do if that was somebody else."""
    return _message(mail.template, mail, user, link=public_link("forgot"), **mail.data)


def public_link(page: str, *args: str) -> str:
    """The address at which people reach a page, whatever host a request named."""
    return f"{settings.PUBLIC_URL}{reverse(page, args=args)}"


def _message(
    name: str, mail: OutgoingMail, user: User, /, **context: Any
) -> EmailMultiAlternatives:
    # Of what an operator did, their own device and address are nothing that the mail's receiver could recognise.
    by_operator = (
        mail.contract == request_context.ADMIN and mail.template != mail.Template.NEW_NETWORK
    )
    context |= {
        "user": user,
        "asked_at": mail.created_at,
        "address": None if by_operator else mail.address,
        "device": "" if by_operator else device(mail.user_agent),
        "service": settings.PUBLIC_URL,
        "site_name": settings.SITE_NAME,
        "sections": templates.sections(name),
    }
    subject = " ".join(render_to_string(f"emails/{name}_subject.txt", context).split())
    message = EmailMultiAlternatives(
        subject, render_to_string(f"emails/{name}.txt", context), to=[mail.addressee]
    )
    message.attach_alternative(render_to_string(f"emails/{name}.html", context), "text/html")
    message.extra_headers["Auto-Submitted"] = (
        "auto-generated"  # RFC 3834: no vacation notice answers it
    )
    return message


def device(user_agent: str) -> str:
    """A rough name for what asked, as in ``Firefox on Linux``; empty for what is no well-known browser."""
    found = parse(user_agent)
    browser = _known(BROWSERS, found.user_agent.family if found.user_agent else "")
    system = _known(SYSTEMS, found.os.family if found.os else "")
    return (
        _("%(browser)s on %(system)s") % {"browser": browser, "system": system}
        if browser and system
        else browser or system
    )


def _known(names: tuple[str, ...], family: str) -> str:
    return next((name for name in names if name in family), "")
