"""Receivers of the signals of accounts, and registrations in its lists: accounts knows no keys."""

from typing import Any

from django.dispatch import receiver

from accounts import identifiers, request_context, signals, user_search
from accounts.audit import live_counts
from accounts.mail import templates as mail_templates
from accounts.models import User
from accounts.privacy import user_data
from apikeys import audit_messages, keys
from apikeys.audit_codes import KEYS_PAGE
from apikeys.end_reasons import EndReason
from apikeys.mail_templates import (
    KEYS_AFTER_CHANGE,
    KEYS_AFTER_IDENTIFIER_CHANGE,
    KeyTemplate,
)


@receiver(signals.account_deactivated, dispatch_uid="apikeys.end_keys")
def end_keys(sender: Any, user: User, **kwargs: Any) -> None:
    keys.end_all(user, EndReason.OWNER_DEACTIVATED)


@receiver(signals.password_reset, dispatch_uid="apikeys.mail_remaining_keys")
def mail_remaining_keys(sender: Any, user: User, **kwargs: Any) -> None:
    keys.mail_remaining_keys(user)


@receiver(signals.outlives_password, dispatch_uid="apikeys.live_keys_for_mail")
def live_keys_for_mail(sender: Any, user: User, **kwargs: Any) -> dict[str, Any]:
    return keys.live_keys_for_mail(user)


@receiver(signals.role_changed, dispatch_uid="apikeys.withdraw_reserved_scopes")
def withdraw_reserved_scopes(sender: Any, user: User, **kwargs: Any) -> None:
    keys.withdraw_reserved_scopes(user)


@receiver(signals.account_erased, dispatch_uid="apikeys.erase_keys")
def erase_keys(sender: Any, user: User, **kwargs: Any) -> None:
    keys.erase_owner_keys(user)


@receiver(signals.user_data_requested, dispatch_uid="apikeys.export_keys")
def export_keys(sender: Any, user: User, **kwargs: Any) -> dict[str, Any]:
    return {"api_keys": keys.export_owner_data(user)}


audit_messages.register()
mail_templates.register(KeyTemplate)
mail_templates.add_section(mail_templates.Template.PASSWORD_CHANGED, KEYS_AFTER_CHANGE)
mail_templates.add_section(
    mail_templates.Template.IDENTIFIERS_CHANGED, KEYS_AFTER_IDENTIFIER_CHANGE
)
user_data.contents.append("API keys")
identifiers.reserve("key_", "an API key")
live_counts.COUNTERS["live_keys"] = keys.count_live
request_context.other_entrances.append(KEYS_PAGE)
user_search.finders.append(user_search.Finder("API key", keys.find_owner))
