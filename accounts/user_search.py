"""Finding anyone among millions: by part of a name or an address, or by an id that somebody read out or pasted."""

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

MOST = 1000  # matches that are looked at: whoever has more of them types another letter
LONGEST = 300  # letters of what is sought
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)

PEOPLE = trigram_indexes.Index("user_search", User, ("username", "email", "name"))
trigram_indexes.indexes.append(PEOPLE)


class Found(NamedTuple):
    people: QuerySet[User]  # the best first
    more: bool  # whether there are others, which were not looked at
    request_id: str  # what was typed, if it is the id of a request of which anything is known


def find(typed: str, among: QuerySet[User] | None = None) -> Found:
    """Whoever is meant by what was typed: all words are in the name, user name and e-mail address, or it is an id of theirs.

    A word shorter than three letters has to begin one of these.
    """
    among, typed = (
        User.objects.all() if among is None else among,
        typed.replace("\0", "")[:LONGEST].strip(),
    )
    events = _events(typed)
    meant = {pk for finder in finders for pk in finder(typed)}.union(_named_in(events))
    matching = trigram_indexes.matching(PEOPLE, among, typed, MOST + 1)
    people = (
        among.filter(pk__in=meant.union(matching[:MOST]))
        .alias(rank=_rank(normalise(typed)))
        .order_by("rank", "username")
    )
    return Found(
        people, len(matching) > MOST, typed if events or recent_refusals.recall(typed) else ""
    )


def looks_like_request(typed: str) -> str:
    """The id of a request in what was typed, if it has the form of one, known or not; else empty.

    Those that this service makes are 16 hexadecimal digits. Those of proxies are longer and have
    digits too; what is short, or letters alone, is rather a name.
    """
    given, found = typed.strip(), REQUEST_ID.fullmatch(typed.strip().rpartition(":")[2].strip())
    if not found or (":" in given and not given.lower().startswith("x-request-id")):
        return ""
    likely = ":" in given or (len(found[0]) >= 16 and re.search(r"\d", found[0]))
    return found[0] if likely or re.fullmatch(r"[0-9a-f]{16}", found[0]) else ""


def people(typed: str) -> QuerySet[User]:
    return find(typed).people


def _rank(identifier: str) -> Case:
    whole, beginning = (
        Q(**{f"username{how}": identifier}) | Q(**{f"email{how}": identifier})
        for how in ("", "__startswith")
    )
    return Case(
        When(whole, then=0),
        When(beginning, then=1),
        default=2,
        output_field=models.SmallIntegerField(),
    )


# Ids


def by_uuid(typed: str) -> Iterable[int]:
    """An account's own id, or that of one of its sessions, the ``sub`` and the ``sid`` of its tokens."""
    try:
        asked = UUID(typed)
    except ValueError:
        return []
    return [
        *User.objects.filter(uuid=asked).values_list("pk", flat=True),
        *Session.objects.filter(pk=asked).values_list("user", flat=True),
    ]


def _events(request_id: str) -> list[AuditEvent]:
    """What is on record of the request with this id, as far as it could be one."""
    return (
        list(AuditEvent.objects.filter(request_id=request_id)[:100])
        if REQUEST_ID.fullmatch(request_id)
        else []
    )


def _named_in(events: list[AuditEvent]) -> set[int]:
    """To whom these happened, who did them, and whose name or address was typed."""
    typed = {normalise(event.name) for event in events if event.name}
    named = (
        User.objects.filter(Q(username__in=typed) | Q(email__in=typed)).values_list("pk", flat=True)
        if typed
        else []
    )
    return {pk for event in events for pk in (event.user_id, event.actor_id) if pk}.union(named)


finders: list[Callable[[str], Iterable[int]]] = [
    by_uuid
]  # what was typed → the keys of accounts; other apps add theirs
