"""Filter of the audit log's list: a form that reads the list's address.

So any page can link to events. All parameters can be combined:

==============  ===========================================================================
``user``        primary key of the account that the event is about
``actor``       primary key of the operator
``identifier``  user name, e-mail address or uuid: events about that account, events of its
                actions as an operator, and events of no account in which it was typed
``kind``        one kind, or several with commas between: ``login_failed,throttled``
``reason``      the reason code of an event
``contract``    the name of a contract, also of one that is no longer installed
``address``     an address, or a network as in ``10.0.0.0/8``
``session``     uuid of a session
``request_id``  the ``X-Request-ID`` of an answer
``within``      ``1h``, ``24h``, ``7d`` or ``30d``: the last so many hours or days
``at_from``     ISO 8601, UTC where it names no offset: at this time or later
``at_to``       ISO 8601: before this time
==============  ===========================================================================
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.http import urlencode
from django.utils.timezone import now

from accounts import policy, request_context
from accounts.audit import event_kinds
from accounts.audit.query import EventQuery, validate_address
from accounts.audit.reasons import label

RANGES = {  # value → label and length
    "1h": ("the last hour", timedelta(hours=1)),
    "24h": ("the last 24 hours", timedelta(days=1)),
    "7d": ("the last 7 days", timedelta(days=7)),
    "30d": ("the last 30 days", timedelta(days=30)),
}
MAX_PRIMARY_KEY = 2**63 - 1
CONTRACT_NAME = re.compile(r"[a-z][a-z0-9_]{0,19}", re.ASCII)


def contract_choices() -> list[tuple[str, str]]:
    """Return the contracts by which events can be filtered, as choices of a form field."""
    names = (*policy.registered_names(), *request_context.other_entrances)
    return [("", "any"), *((name, name) for name in names)]


class ContractField(forms.ChoiceField):
    """A contract's name: one of the choices, or any that an earlier contract may have had."""

    def valid_value(self, value: Any) -> bool:
        return super().valid_value(value) or CONTRACT_NAME.fullmatch(value) is not None


class KindsField(forms.MultipleChoiceField):
    """One kind, or several with commas between."""

    widget = forms.Select

    def prepare_value(self, value: Any) -> Any:
        return value

    def to_python(self, value: Any) -> list[str]:
        return super().to_python(value.split(",") if isinstance(value, str) and value else [])


class TimeField(forms.DateTimeField):
    """A time in UTC, as a browser's field sends it, or ISO 8601 with an offset."""

    widget = forms.DateTimeInput(
        attrs={"type": "datetime-local", "step": "1"}, format="%Y-%m-%dT%H:%M:%S"
    )

    def to_python(self, value: Any) -> datetime | None:
        # An address bar takes + for a space.
        found = super().to_python(value.replace(" ", "+") if isinstance(value, str) else value)
        try:
            return found.astimezone(UTC) if found else None
        except OverflowError as error:
            raise ValidationError(self.error_messages["invalid"], code="invalid") from error


class KeyField(forms.IntegerField):
    """A primary key, which only links give."""

    def __init__(self) -> None:
        super().__init__(
            required=False, min_value=1, max_value=MAX_PRIMARY_KEY, widget=forms.HiddenInput
        )


class AuditLogForm(forms.Form):
    """The filter above the list, and its hidden parts, which only links give."""

    identifier = forms.CharField(
        required=False,
        label="User",
        max_length=254,
        help_text="User name, e-mail or uuid; also a name that no account has",
    )
    kind = KindsField(required=False, label="Event", choices=event_kinds.choices)
    contract = ContractField(required=False, choices=contract_choices)
    address = forms.CharField(
        required=False,
        max_length=50,
        validators=[validate_address],
        help_text="Or a network: 10.0.0.0/8",
    )
    within = forms.ChoiceField(
        required=False,
        label="When",
        choices=[("", "any time"), *((value, label) for value, (label, _) in RANGES.items())],
    )
    at_from = TimeField(required=False, label="From (UTC)")
    at_to = TimeField(required=False, label="Before (UTC)")
    user = KeyField()
    actor = KeyField()
    reason = forms.CharField(required=False, max_length=200, widget=forms.HiddenInput)
    session = forms.UUIDField(required=False, widget=forms.HiddenInput)
    request_id = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput)

    def __init__(self, data: Any) -> None:
        super().__init__(data, label_suffix="")
        self._offer_kinds(data.get("kind", ""))
        self._offer_contract(data.get("contract", ""))

    def _offer_kinds(self, given: str) -> None:
        """Show several kinds, which only links give, as one choice."""
        choices: list[Any] = [("", "any"), *event_kinds.choices()]
        if "," in given:
            labels = [event_kinds.labels.get(kind, kind) for kind in given.split(",")]
            choices.insert(1, (given, " or ".join(labels)))
        self.fields["kind"].widget.choices = choices

    def _offer_contract(self, given: str) -> None:
        """Show a name that is none of the choices, such as that of a contract that was removed."""
        choices = contract_choices()
        if CONTRACT_NAME.fullmatch(given) and (given, given) not in choices:
            choices.append((given, given))
        self.fields["contract"].widget.choices = choices

    def event_query(self) -> EventQuery | None:
        """Return the query; None for an invalid filter, whose errors the form shows."""
        if not self.is_valid():
            return None
        values = self.cleaned_data
        earliest = now() - RANGES[values["within"]][1] if values["within"] else None
        account = ("identifier", "user", "actor")
        same = (*account, "reason", "contract", "address", "session", "request_id")
        return EventQuery(
            **{name: values[name] for name in same},
            kinds=tuple(values["kind"]),
            since=max(filter(None, (values["at_from"], earliest)), default=None),
            until=values["at_to"],
        )

    @property
    def given(self) -> dict[str, str]:
        """Return the parameters of the address that the filter knows."""
        return {name: self.data[name] for name in self.fields if self.data.get(name)}

    @property
    def query(self) -> str:
        return urlencode(self.given)

    @property
    def notes(self) -> list[str]:
        """Return the hidden parts of the filter in words."""
        return [
            f"{name.replace('_', ' ')} {label(value) if name == 'reason' else value}"
            for name, value in self.given.items()
            if self.fields[name].widget.is_hidden
        ]
