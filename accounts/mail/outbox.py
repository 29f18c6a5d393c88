"""Mails to send: the request adds one row, and looks no user up."""

from typing import Any

from django.conf import settings
from django.utils.timezone import now
from django.utils.translation.trans_real import parse_accept_lang_header

from accounts import request_context
from accounts.errors import EmailDisabled
from accounts.identifiers import normalise
from accounts.mail.templates import Template as Template
from accounts.models import OutgoingMail, User
from accounts.models.outgoing_mail import RETRY_FOR


def put(
    template: str,
    *,
    identifier: str = "",
    user: User | None = None,
    user_id: int | None = None,
    **data: Any,
) -> None:
    """Add a mail to ``user`` (or ``user_id``), or to the user whom ``identifier`` names.

    The worker looks the identifier up. ``data`` is the template's context and holds no secrets.
    ``EmailDisabled`` where ``EMAILS_ENABLED`` is off.
    """
    if not settings.EMAILS_ENABLED:
        raise EmailDisabled
    OutgoingMail.objects.create(
        **row(template, identifier=identifier, user=user, user_id=user_id, **data)
    )


def row(
    template: str,
    *,
    identifier: str = "",
    user: User | None = None,
    user_id: int | None = None,
    **data: Any,
) -> dict[str, Any]:
    """Return the fields of a mail, with those of the request context."""
    context, at = request_context.current(), now()
    return {
        "template": template,
        "identifier": request_context.printable(normalise(identifier), 254),
        "user_id": user.pk if user else user_id,
        "language": _preferred(context.languages),
        "contract": context.contract,
        "address": context.address,
        "user_agent": request_context.printable(context.user_agent, 255),
        "request_id": context.request_id,
        "data": data,
        "created_at": at,
        "next_try_at": at,
        "give_up_at": at + RETRY_FOR,
    }


def _preferred(languages: str) -> str:
    """Return the first language of an Accept-Language header that mails have, or nothing."""
    offered = dict(settings.LANGUAGES)
    codes = (
        code.partition("-")[0] for code, quality in parse_accept_lang_header(languages) if quality
    )
    return next((code for code in codes if code in offered), "")
