"""Search for users among millions: by part of a name or an address, or by an id.

An id is that of an account, a session or a request, or of a thing of another app.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import NamedTuple
from uuid import UUID

from django.db import models
from django.db.models import Case, Q, QuerySet, When

from accounts.audit import recent_refusals
from accounts.db import trigram_indexes
from accounts.identifiers import normalise
from accounts.models import AuditEvent, Session, User

MAX_MATCHES = 1000
MAX_QUERY_LENGTH = 300
MAX_EVENTS_OF_REQUEST = 100
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)

INDEX = trigram_indexes.Index("user_search", User, ("username", "email", "name"))
trigram_indexes.indexes.append(INDEX)


class Finder(NamedTuple):
    """A function that returns the users with an id of some kind, by primary key."""

    noun: str  # of the thing whose id it is
    find: Callable[[str], Iterable[int]]


class Found(NamedTuple):
    """The users that were found, the best match first.

    ``more`` is true if there are others, which were not read. ``request_id`` is the query, if it is
    the id of a known request.
    """

    users: QuerySet[User]
    more: bool
    request_id: str


def find(query: str, among: QuerySet[User] | None = None) -> Found:
    """Return the users with all words of the query in name, user name and address, or with this id.

    A word shorter than three letters has to begin one of these.
    """
    among = User.objects.all() if among is None else among
    query = query.replace("\0", "")[:MAX_QUERY_LENGTH].strip()
    events = _events_of_request(query)
    by_id = {pk for finder in finders for pk in finder.find(query)}.union(_users_in(events))
    by_name = trigram_indexes.matching(INDEX, among, query, MAX_MATCHES + 1)
    users = (
        among.filter(pk__in=by_id.union(by_name[:MAX_MATCHES]))
        .alias(rank=_rank(normalise(query)))
        .order_by("rank", "username")
    )
    request_id = query if events or recent_refusals.recall(query) else ""
    return Found(users, len(by_name) > MAX_MATCHES, request_id)


def likely_request_id(query: str) -> str:
    """Return the id of a request in the query, known or not; empty if it has not the form of one.

    Those that this service makes are 16 hexadecimal digits. Those of proxies are longer and have
    digits too; a short text, or letters alone, is rather a name.
    """
    given, found = query.strip(), REQUEST_ID.fullmatch(query.strip().rpartition(":")[2].strip())
    if not found or (":" in given and not given.lower().startswith("x-request-id")):
        return ""
    likely = ":" in given or (len(found[0]) >= 16 and re.search(r"\d", found[0]))
    return found[0] if likely or re.fullmatch(r"[0-9a-f]{16}", found[0]) else ""


def _rank(identifier: str) -> Case:
    """Order equal identifiers before those that begin with the query, and the rest last."""
    equal, beginning = (
        Q(**{f"username{lookup}": identifier}) | Q(**{f"email{lookup}": identifier})
        for lookup in ("", "__startswith")
    )
    return Case(
        When(equal, then=0),
        When(beginning, then=1),
        default=2,
        output_field=models.SmallIntegerField(),
    )


# Ids


def _by_uuid(query: str) -> Iterable[int]:
    """Return the user with this id, or of the session with it: ``sub`` and ``sid`` of tokens."""
    try:
        uuid = UUID(query)
    except ValueError:
        return []
    return [
        *User.objects.filter(uuid=uuid).values_list("pk", flat=True),
        *Session.objects.filter(pk=uuid).values_list("user", flat=True),
    ]


finders: list[Finder] = [Finder("account, session", _by_uuid)]  # other apps add theirs


def _events_of_request(request_id: str) -> list[AuditEvent]:
    """Return the events of the request with this id, if the text has the form of one."""
    if not REQUEST_ID.fullmatch(request_id):
        return []
    return list(AuditEvent.objects.filter(request_id=request_id)[:MAX_EVENTS_OF_REQUEST])


def _users_in(events: list[AuditEvent]) -> set[int]:
    """Return the users and operators of these events, and those whose identifier was typed."""
    identifiers = {normalise(event.name) for event in events if event.name}
    users = User.objects.filter(Q(username__in=identifiers) | Q(email__in=identifiers))
    named = users.values_list("pk", flat=True) if identifiers else []
    return {pk for event in events for pk in (event.user_id, event.actor_id) if pk}.union(named)
