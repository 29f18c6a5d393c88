"""Files that operators download: the form that asks for one, and its response."""

from collections.abc import Iterator
from typing import TypeVar

from django import forms
from django.http.response import HttpResponseBase

from accounts.admin.reauthentication import ReauthenticationForm

Response = TypeVar("Response", bound=HttpResponseBase)
PRIVATE = {"Cache-Control": "no-store, private"}
CONTENT_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "jsonl": "application/jsonl; charset=utf-8",
    "json": "application/json",
}
WRITE_SIZE = 64 * 1024  # characters


class ExportForm(ReauthenticationForm):
    """The format of the file, a reason and the operator's password."""

    form = forms.ChoiceField(
        label="Format",
        choices=[
            ("csv", "CSV, for spreadsheets"),
            ("jsonl", "JSONL, for programs: one object in each line"),
        ],
        widget=forms.RadioSelect,
        initial="csv",
    )
    field_order = ("form", "reason", "password")


def joined(pieces: Iterator[str], size: int = WRITE_SIZE) -> Iterator[bytes]:
    """Yield the same text in larger pieces: each is a write to the network.

    Lone surrogates are escaped.
    """
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


def download(response: Response, name: str) -> Response:
    """Make `response` a file that the browser saves under `name` and no cache keeps."""
    for header, value in PRIVATE.items():
        response.headers[header] = value
    response.headers["Content-Type"] = CONTENT_TYPES[name.rpartition(".")[2]]
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
