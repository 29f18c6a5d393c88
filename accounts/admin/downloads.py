"""Files that the admin gives to operators: the form that asks before, and the answer that a browser saves."""

from collections.abc import Iterator
from typing import Any, TypeVar

from django import forms
from django.http.response import HttpResponseBase

from accounts.admin.action_view import Reasoned

Answer = TypeVar("Answer", bound=HttpResponseBase)
PRIVATE = {"Cache-Control": "no-store, private"}
CONTENT_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "jsonl": "application/jsonl; charset=utf-8",
    "json": "application/json",
}


class ExportForm(Reasoned):
    """The format, a reason, and the operator's password unless it was given a moment ago."""

    form = forms.ChoiceField(
        label="Format",
        choices=[
            ("csv", "CSV, for spreadsheets"),
            ("jsonl", "JSONL, for programs: one object in each line"),
        ],
        widget=forms.RadioSelect,
        initial="csv",
    )
    field_order = ("form", "reason")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.order_fields([*self.field_order, "password"])


def joined(pieces: Iterator[str], size: int = 64 * 1024) -> Iterator[bytes]:
    """Yield the same text in larger pieces: each is a write to the network. Lone surrogates are escaped."""
    waiting, length = [], 0
    for piece in pieces:
        waiting.append(piece)
        length += len(piece)
        if length >= size:
            yield _encoded(waiting)
            waiting, length = [], 0
    yield _encoded(waiting)


def _encoded(pieces: list[str]) -> bytes:
    return "".join(pieces).encode("utf-8", "backslashreplace")


def download(response: Answer, name: str) -> Answer:
    """Make ``response`` a file that the browser saves under ``name`` and no cache keeps."""
    for header, value in PRIVATE.items():
        response.headers[header] = value
    response.headers["Content-Type"] = CONTENT_TYPES[name.rpartition(".")[2]]
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
