"""What a file has named so far, for as long as it is read: on the disk, however long the file is."""

import secrets
import sqlite3
from collections.abc import Iterable
from hashlib import blake2b
from types import TracebackType
from typing import NamedTuple, Self


class Mention(NamedTuple):
    """Where a name stood, and how it was written."""

    line: int
    spelling: bytes


class Seen:
    """Names, as digests under a key that nobody keeps."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._file = sqlite3.connect("")  # a temporary file that its directory does not list
        self._file.execute(
            "CREATE TABLE seen (name BLOB PRIMARY KEY, line INTEGER, spelling BLOB) WITHOUT ROWID"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def digest(self, *parts: str) -> bytes:
        return blake2b("\0".join(parts).encode(), digest_size=16, key=self._key).digest()

    def find(self, names: Iterable[bytes]) -> dict[bytes, Mention]:
        wanted = list(names)
        places = ",".join("?" * len(wanted))
        found = self._file.execute(
            f"SELECT name, line, spelling FROM seen WHERE name IN ({places})",  # noqa: S608
            wanted,
        )
        return {name: Mention(line, spelling) for name, line, spelling in found}

    def add(self, mentions: dict[bytes, Mention]) -> None:
        self._file.executemany(
            "INSERT OR IGNORE INTO seen VALUES (?, ?, ?)",
            [(name, *mention) for name, mention in mentions.items()],
        )
        self._file.commit()
