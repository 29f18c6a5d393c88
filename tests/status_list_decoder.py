"""A relying party of the status lists, written from the draft alone and sharing no code with us."""

import base64
import json
import zlib
from typing import Any

import jwt


class Decoded:
    """A status list token, verified by PyJWT with a published key."""

    def __init__(self, token: bytes | str, jwks: dict[str, Any]) -> None:
        raw = token.decode() if isinstance(token, bytes) else token
        self.header = jwt.get_unverified_header(raw)
        key = jwt.PyJWKSet.from_dict(jwks)[self.header["kid"]]
        self.claims = jwt.decode(
            raw, key, algorithms=["ES256"], options={"require": ["sub", "iat", "exp"]}
        )
        text = self.claims["status_list"]["lst"]
        self.bits = zlib.decompress(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))

    def status(self, access_token: str) -> int:
        """Return 0 for valid or 1 for invalid, as 8.3 of the draft tells to find it."""
        payload = access_token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        reference = claims["status"]["status_list"]
        assert reference["uri"] == self.claims["sub"]
        return self.at(reference["idx"])

    def at(self, index: int) -> int:
        per_byte = 8 // self.claims["status_list"]["bits"]
        byte = self.bits[index // per_byte]
        return byte >> (index % per_byte) & 1
