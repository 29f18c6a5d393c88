"""``python -m bench.timing_users FILE``: make users of every kind for ``bench.timing``.

FILE gets, as JSON, their addresses, and the share of each algorithm among the hashes of accounts
and among the hashes that unknown names cost.
"""

import json
import sys
from collections import Counter
from itertools import count
from pathlib import Path

import bcrypt
import django

django.setup()

from django.contrib.auth.hashers import make_password
from django.core.management import call_command

from accounts import password_reset
from accounts.hashing import hash_shares
from accounts.models import User
from bench.accounts import ENCODED
from bench.timing import ARGON2, BCRYPT, PBKDF2, UNKNOWN_NAMES, USER_KINDS, WRONG_PASSWORD

HASHES = {
    ARGON2: ENCODED,
    PBKDF2: make_password(WRONG_PASSWORD[::-1], hasher="pbkdf2_sha256"),
    BCRYPT: "bcrypt$" + bcrypt.hashpw(WRONG_PASSWORD[::-1].encode(), bcrypt.gensalt(10)).decode(),
}
# Without a readable hash, the name picks the algorithm that a wrong password costs.
UNREADABLE = {
    "unknown": "",
    "no password": make_password(None),
    "damaged": "pbkdf2_sha256$damaged",
}


def main(file: Path) -> None:
    call_command("migrate", verbosity=0)
    # The names of users without a readable hash depend on the hashes of all others.
    kinds = sorted(USER_KINDS, key=lambda kind: kind[0] in UNREADABLE)
    addresses = [(*kind, make_user(*kind)) for kind in kinds]
    file.write_text(json.dumps({"addresses": addresses, "shares": shares()}))


def make_user(state: str, algorithm: str) -> str:
    """Return the address of a new user, or of none if the state is ``unknown``."""
    address = address_for(state, algorithm)
    if state != "unknown":
        user = User.objects.create(
            username=address.partition("@")[0],
            email=address,
            password=UNREADABLE.get(state, HASHES[algorithm]),
            is_active=state != "inactive",
        )
        if state == "reset under way":
            password_reset.make(user)
        hash_shares.forget()
    return address


def address_for(state: str, algorithm: str) -> str:
    """Return a new address, which picks this algorithm if there is no readable hash."""
    stem = f"{state}.{algorithm}".replace(" ", ".").lower()
    addresses = (f"{stem}{number}@example.com" for number in count())
    return next(
        address
        for address in addresses
        if state not in UNREADABLE or picked_algorithm(address) == algorithm
    )


def picked_algorithm(name: str) -> str:
    algorithm = hash_shares.ranked(name, hash_shares.current())[0].algorithm
    return {"argon2": ARGON2, "pbkdf2_sha256": PBKDF2, "bcrypt": BCRYPT}[algorithm]


def shares() -> list[tuple[str, float, float]]:
    """Return each kind of hash with its share among accounts, and among unknown names."""
    of_accounts = {share.hash.prefix: share.weight for share in hash_shares.current()}
    of_names = Counter(
        hash_shares.ranked(f"unknown{number}", hash_shares.current())[0].prefix
        for number in range(UNKNOWN_NAMES)
    )
    total = sum(of_accounts.values())
    return [
        (kind, weight / total, of_names[kind] / UNKNOWN_NAMES)
        for kind, weight in of_accounts.items()
    ]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
