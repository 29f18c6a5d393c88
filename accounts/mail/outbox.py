"""Mail that is asked for: one row, written by the request, and nobody looked up."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.utils.timezone import now
from django.utils.translation.trans_real import parse_accept_lang_header

from accounts import request_context
from accounts.errors import EmailDisabled
from accounts.identifiers import normalise
from accounts.mail.templates import Template as Template
from accounts.models import OutgoingMail, User


def put(
    template: str,
    *,
    identifier: str = "",
    user: User | None = None,
    user_id: int | None = None,
    **data: Any,
) -> None:
    """Ask for a mail, to ``user`` (or ``user_id``), or to whoever ``identifier`` will turn out to name; ``EmailDisabled`` where none is sent.

    ``data`` is for its template, and no place for secrets.
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
    """Return the fields of a mail, with what is known of the request under way."""
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
        "give_up_at": at + timedelta(hours=24),
    }


def _preferred(languages: str) -> str:
    """The first language of an Accept-Language header that mails are written in; empty if there is none."""
    offered = dict(settings.LANGUAGES)
    codes = (
        code.partition("-")[0] for code, quality in parse_accept_lang_header(languages) if quality
    )
    return next((code for code in codes if code in offered), "")
