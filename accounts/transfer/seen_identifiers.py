"""Identifiers that a file has named so far: kept on disk, however long the file is."""

import secrets
import sqlite3
from collections.abc import Iterable
from hashlib import blake2b
from types import TracebackType
from typing import NamedTuple, Self


class Occurrence(NamedTuple):
    """The line of an identifier, and the digest of its spelling there."""

    line: int
    spelling: bytes


class SeenIdentifiers:
    """Digests of identifiers, under a key that is kept nowhere."""

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
        error_type: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def digest(self, *parts: str) -> bytes:
        return blake2b("\0".join(parts).encode(), digest_size=16, key=self._key).digest()

    def find(self, digests: Iterable[bytes]) -> dict[bytes, Occurrence]:
        wanted = list(digests)
        places = ",".join("?" * len(wanted))
        found = self._file.execute(
            f"SELECT name, line, spelling FROM seen WHERE name IN ({places})",  # noqa: S608
            wanted,
        )
        return {digest: Occurrence(line, spelling) for digest, line, spelling in found}

    def add(self, occurrences: dict[bytes, Occurrence]) -> None:
        self._file.executemany(
            "INSERT OR IGNORE INTO seen VALUES (?, ?, ?)",
            [(digest, *occurrence) for digest, occurrence in occurrences.items()],
        )
        self._file.commit()
