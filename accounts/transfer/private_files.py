"""Files that only their owner may read, since they name users."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO


@contextmanager
def private(name: str) -> Iterator[TextIO]:
    """Open a text file that only its owner may read, in the place of an earlier one."""
    with open(
        name,
        "w",
        encoding="utf-8",
        newline="",
        opener=lambda path, flags: os.open(path, flags, 0o600),
    ) as file:
        os.fchmod(file.fileno(), 0o600)
        yield file
