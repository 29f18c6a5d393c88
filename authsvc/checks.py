"""System checks of a deployment: errors and warnings before its clients find out."""

import os
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.utils.timezone import now

from accounts.db import trigram_indexes
from authsvc.contracts import registry
from authsvc.contracts.contract_settings import from_settings, unknown


@register()
def rotation_that_locks_out(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """Refuse to rotate refresh tokens where no response to a refresh has the new one."""
    return [
        Error(
            f"{contract.name.upper()}_ROTATE_REFRESH_TOKENS would lock out the clients of "
            f"{contract.name} at their second refresh.",
            hint="Its documented answer to a refresh has no refresh token, so its clients keep the "
            "one they have.",
            id="authsvc.E001",
        )
        for contract, _ in registry.registered()
        if from_settings(contract.policy).rotates and not contract.may_rotate
    ]


@register()
def variables_that_nothing_reads(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """Warn of variables such as BEARER_ACESS_LIFETIME, which a slip of the pen makes."""
    contracts = [contract.name for contract, _ in registry.registered()]
    return [
        Warning(
            f"{name} is no setting of a contract: nothing reads it.",
            hint="docs/settings.md has the names.",
            id="authsvc.W008",
        )
        for name in unknown(os.environ, contracts)
    ]


@register()
def access_beyond_refresh(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """Warn of access tokens that were to outlive the refresh token of their session.

    They expire with the session, which ends with its refresh token.
    """
    policies = [from_settings(contract.policy) for contract, _ in registry.registered()]
    return [
        Warning(
            f"{policy.name.upper()}_ACCESS_LIFETIME is longer than "
            f"{policy.name.upper()}_REFRESH_LIFETIME, and counts only up to it.",
            hint="A session ends with its refresh token, and its access tokens with it.",
            id="authsvc.W009",
        )
        for policy in policies
        if policy.refresh and policy.access > policy.refresh
    ]


@register(Tags.security, deploy=True)
def plain_http(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    if settings.SECURE_COOKIES:
        return []
    return [
        Warning(
            "PUBLIC_URL is not https: passwords and tokens would cross the network in clear.",
            id="authsvc.W002",
        )
    ]


@register(Tags.security, deploy=True)
def https_without_proxy(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    if not settings.SECURE_COOKIES or settings.TRUSTED_PROXIES:
        return []
    return [
        Warning(
            "PUBLIC_URL is https, but TRUSTED_PROXIES is 0: no proxy is believed that a page was "
            "asked for by https, and pages are 503.",
            hint="Set TRUSTED_PROXIES to the number of proxies in front, and let the one that "
            "ends TLS send X-Forwarded-Proto.",
            id="authsvc.W004",
        )
    ]


@register(Tags.security, deploy=True)
def data_that_others_read(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """Warn of a data folder that others can open.

    New files are their owner's alone; those that were there before, or come from elsewhere, need
    not be.
    """
    if not settings.DATA_DIR.stat().st_mode & 0o077:
        return []
    return [
        Warning(
            "DATA_DIR can be opened by others than its owner: it holds the database, secrets or "
            "mails.",
            hint="Let its owner run chmod 700 on it.",
            id="authsvc.W005",
        )
    ]


@register(Tags.security, deploy=True)
def security_txt_out_of_date(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    if settings.SECURITY_TXT is None or settings.SECURITY_TXT.expires > now():
        return []
    return [
        Warning(
            "SECURITY_EXPIRES has passed: whoever finds a hole does not trust security.txt.",
            hint="See that SECURITY_CONTACT is right, and set a day within the next year.",
            id="authsvc.W006",
        )
    ]


@register(Tags.security, deploy=True)
def security_txt_for_long(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """Warn of a day more than a year ahead (RFC 9116, 2.5.5)."""
    if settings.SECURITY_TXT is None or settings.SECURITY_TXT.expires < now() + timedelta(days=366):
        return []
    return [
        Warning(
            "SECURITY_EXPIRES is more than a year ahead: whoever finds a hole may take "
            "security.txt for stale long before.",
            hint="Set a day within the next year, and look at the contact again then.",
            id="authsvc.W007",
        )
    ]


@register(Tags.database)
def search_without_index(
    databases: Sequence[str] | None = None, **kwargs: Any
) -> Sequence[CheckMessage]:
    """With ``check --database default``: warn of a missing index of the search for users."""
    if "default" not in (databases or ()) or not trigram_indexes.missing():
        return []
    return [
        Warning(
            "Finding users by part of a name reads the whole table: its index is missing.",
            hint="Let a superuser run CREATE EXTENSION pg_trgm in this database (on Debian it is "
            "in the package postgresql); then run manage.py migrate, which makes the index while "
            "the service goes on.",
            id="authsvc.W003",
        )
    ]
