"""A service that verifies with Authlib, and reads a token in each line.

Its arguments are the issuer and the address of the server. It finds the keys by the metadata, and
keeps them as Authlib's clients keep a provider's: until a key is missing.
"""

import sys
from typing import Any

from authlib.integrations.base_client.sync_openid import OpenIDMixin
from authlib.integrations.requests_client import OAuth2Session
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet

METADATA = "/.well-known/oauth-authorization-server"


class Provider(OpenIDMixin):  # type: ignore[misc]  # Authlib has no types
    def __init__(self, address: str) -> None:
        with self._get_session() as session:
            found = session.get(f"{address}{METADATA}", withhold_token=True, timeout=10)
        self.server_metadata: dict[str, Any] = found.json()

    def load_server_metadata(self) -> dict[str, Any]:
        return self.server_metadata

    def _get_session(self) -> Any:
        return OAuth2Session()

    def keys(self, *, anew: bool = False) -> KeySet:
        return KeySet.import_key_set(self.fetch_jwk_set(force=anew))

    def claims(self, token: str) -> dict[str, Any]:
        try:
            return jwt.decode(token, self.keys(), algorithms=["ES256"]).claims
        except InvalidKeyIdError:
            return jwt.decode(token, self.keys(anew=True), algorithms=["ES256"]).claims


issuer, address, *_ = sys.argv[1:]
provider = Provider(address)
checks = jwt.JWTClaimsRegistry(iss={"essential": True, "value": issuer})
for line in sys.stdin:
    try:
        claims = provider.claims(line.strip())
        checks.validate(claims)
        print(claims["sub"], flush=True)
    except (JoseError, ValueError) as error:
        print(type(error).__name__, flush=True)
