"""Files and folders of DATA_DIR: checked or made when the settings are read, for their owner only.

``ImproperlyConfigured`` names the setting and what it must be.
"""

import os
import secrets
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryFile

from django.core.exceptions import ImproperlyConfigured


def check_data_dir(folder: Path) -> None:
    """Make the folder if there is none; stop the start where this process may not write it."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        TemporaryFile(dir=folder).close()
    except OSError as error:
        raise ImproperlyConfigured(
            "DATA_DIR must be a folder that this process may write."
        ) from error


def check_sqlite(name: str, variable: str) -> None:
    """Stop the start where SQLite could not write its file, or those that it puts beside it.

    Make the file if there is none: SQLite gives the mode of this file to the others.
    """
    try:
        if name != ":memory:":
            TemporaryFile(dir=Path(name).parent).close()
        present = [
            path for suffix in ("", "-wal", "-shm") if (path := Path(name + suffix)).exists()
        ]
        if any(path.is_dir() or not os.access(path, os.R_OK | os.W_OK) for path in present):
            raise PermissionError(name)
        if name != ":memory:":
            os.close(os.open(name, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError:
        raise ImproperlyConfigured(
            f"{variable} must lead to a SQLite file that this process may write, "
            "in a folder that it may write."
        ) from None


def secret_key(path: Path) -> str:
    """Return the secret in this file, made once for a service that runs on one machine."""
    try:
        if not path.exists():
            _make_secret(path)
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ImproperlyConfigured(
            "SECRET_KEY must be set, or this process must be able to keep it in the file "
            "secret_key under DATA_DIR."
        ) from error


def _make_secret(path: Path) -> None:
    with NamedTemporaryFile("w", dir=path.parent) as draft:  # readable by its owner only
        draft.write(secrets.token_urlsafe(48))
        draft.flush()
        with suppress(FileExistsError):  # of two processes that start at once, one is first
            os.link(draft.name, path)


def make_mail_folder(path: str) -> None:
    """Make the folder for mails, private also if it was there before: mails hold reset links."""
    with suppress(OSError):  # the mail backend reports the error
        os.makedirs(path, mode=0o700, exist_ok=True)
        os.chmod(path, 0o700)
