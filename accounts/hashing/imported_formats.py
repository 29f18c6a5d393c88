"""Password hashes in other systems' formats, translated to the stored one and checked."""

import re
from base64 import b64decode, b64encode

from accounts.hashing.stored_hashes import DamagedHash, StoredHash, read

MIB = 2**20
BCRYPT = re.compile(r"\$2[aby]\$.*", re.DOTALL)
ARGON2 = re.compile(r"\$argon2(id|i|d)\$.*", re.DOTALL)
# passlib writes the rounds alone, PHC's format a list of parameters. Keycloak's values fit in as
# base64 with padding.
PBKDF2 = re.compile(
    r"\$pbkdf2(?:-(?P<digest>sha1|sha256|sha512))?"
    r"\$(?:i=)?(?P<rounds>\d{1,10})(?:,l=(?P<length>\d{1,3}))?"
    r"\$(?P<salt>[^$]*)\$(?P<hash>[^$]+)",
    re.ASCII,
)
SCRYPT = re.compile(
    r"\$scrypt\$ln=(?P<ln>\d{1,2}),r=(?P<r>\d{1,4}),p=(?P<p>\d{1,4})"
    r"\$(?P<salt>[^$]*)\$(?P<hash>[^$]+)",
    re.ASCII,
)


class RefusedHash(ValueError):
    """A hash that is not taken in; the text says why."""


def stored(given: str) -> str:
    """Return a hash of another system as it is stored here.

    ``RefusedHash`` for one that is malformed, of an unknown algorithm, or that would take a login
    too much time or memory.
    """
    try:
        encoded = _translated(given)
        hash_ = read(encoded)
        _check_lengths(hash_)
        _check_costs(hash_)
    except DamagedHash as error:
        raise RefusedHash(
            "the password hash is malformed, or of an algorithm that is not known here"
        ) from error
    return _with_costs_first(hash_, encoded)


def _translated(given: str) -> str:
    if BCRYPT.fullmatch(given):
        return f"bcrypt${given}"
    if ARGON2.fullmatch(given):
        return f"argon2{given}"
    if found := PBKDF2.fullmatch(given):
        salt, digest = _bytes(found["salt"]), _bytes(found["hash"])
        if found["length"] and int(found["length"]) != len(digest):
            raise DamagedHash("another length than it says")
        algorithm = f"pbkdf2-{found['digest'] or 'sha1'}"
        return f"phc${algorithm}$i={int(found['rounds'])}${_text(salt)}${_text(digest)}"
    if found := SCRYPT.fullmatch(given):
        costs = f"ln={int(found['ln'])},r={int(found['r'])},p={int(found['p'])}"
        return f"phc$scrypt${costs}${_text(_bytes(found['salt']))}${_text(_bytes(found['hash']))}"
    return given


def _with_costs_first(hash_: StoredHash, encoded: str) -> str:
    """Return Django's scrypt in PHC's format, unless it has Django's own costs.

    Django writes two of the costs behind the salt, where no index finds them.
    """
    costs = hash_.costs
    if hash_.algorithm != "scrypt" or (costs["r"], costs["p"]) == (8, 5):
        return encoded
    parameters = f"ln={costs['n'].bit_length() - 1},r={costs['r']},p={costs['p']}"
    return f"phc$scrypt${parameters}${_text(hash_.salt)}${_text(hash_.digest)}"


def _check_lengths(hash_: StoredHash) -> None:
    if hash_.algorithm.startswith("bcrypt"):
        return
    least = 8 if hash_.algorithm == "argon2" else 1
    if not least <= len(hash_.salt) <= 64 or not 16 <= len(hash_.digest) <= 64:
        raise DamagedHash("a salt or a hash of another length than any")


def _check_costs(hash_: StoredHash) -> None:
    """Refuse a hash that takes more than about half a second on a processor of 2024, or 128 MiB.

    Each is computed for wrong passwords too, also for those of unknown identifiers.
    """
    costs = hash_.costs
    if "m" in costs:
        fits = (
            costs["m"] <= 128 * 1024 and costs["m"] * costs["t"] <= 512 * 1024 and costs["p"] <= 16
        )
    elif "cost" in costs:
        fits = costs["cost"] <= 13
    elif "i" in costs:
        fits = costs["i"] * _blocks(hash_) <= (2_500_000 if "sha256" in hash_.prefix else 1_500_000)
    else:
        n, r, p = costs["n"] if "n" in costs else 1 << min(costs["ln"], 63), costs["r"], costs["p"]
        fits = 128 * n * r <= 128 * MIB and n * r * p <= 2**20
    if not fits:
        raise RefusedHash("the password hash would cost each login too much time or memory")


def _blocks(hash_: StoredHash) -> int:
    """Return how often PBKDF2 does its rounds for a digest of this length (RFC 8018, 5.2)."""
    sizes = {"sha512": 64, "sha256": 32}
    size = next((size for name, size in sizes.items() if name in hash_.prefix), 20)
    return -(-len(hash_.digest) // size)


def _bytes(text: str) -> bytes:
    """Decode base64 with or without padding, or passlib's with full stops for plus signs."""
    text = text.rstrip("=").replace(".", "+")
    try:
        return b64decode(text + "=" * (-len(text) % 4), validate=True)
    except ValueError as error:
        raise DamagedHash("broken base64") from error


def _text(raw: bytes) -> str:
    return b64encode(raw).decode().rstrip("=")
