"""The query that every login begins with: a user, and whether they are known on a network."""

from __future__ import annotations

from datetime import datetime

from django.db import models

from accounts.db.compiled_statements import CompiledQuery
from accounts.identifiers import identifier_column, normalise
from accounts.models.known_network import KnownNetwork
from accounts.models.user import User


def find_for_login(identifier: str, network: str | None) -> tuple[User | None, datetime | None]:
    """Return the user as ``User.objects.find`` does, and when they last signed in from ``network``.

    It is one query, for a known identifier as for an unknown one.
    """
    normalised = normalise(identifier)
    return _lookups[identifier_column(normalised)].get(normalised, network) or (None, None)


_fields = [field.attname for field in User._meta.concrete_fields]


def _lookup(column: str, sample: str) -> CompiledQuery[tuple[User, datetime | None]]:
    """Return a query for a user by a unique column, and when they were last seen on a network.

    It is compiled, since each login waits for it: 0.06 ms instead of 0.74, beside a hash of 22.
    """

    def build(identifier: str, network: str) -> models.QuerySet[User, tuple[object, ...]]:
        seen = KnownNetwork.objects.filter(user=models.OuterRef("pk"), network=network)
        return (
            User.objects.filter(**{column: identifier})
            .annotate(seen=models.Subquery(seen.values("last_seen_at")[:1]))
            .values_list(*_fields, "seen")
        )

    return CompiledQuery(
        build=build,
        field=lambda: User._meta.get_field(column),
        sample=sample,
        row=lambda *values: (User.from_db("default", _fields, values[:-1]), values[-1]),
        more=((lambda: KnownNetwork._meta.get_field("network"), "192.0.2.1"),),
    )


_lookups = {
    "username": _lookup("username", "sample"),
    "email": _lookup("email", "sample@"),
}
