"""A service that verifies with PyJWT, and reads a token in each line.

Its arguments are the issuer, the address of the server, and for how many seconds it keeps a set of
keys. It never asks for a key that it does not know in between.
"""

import sys

import jwt

issuer, address, kept = sys.argv[1:]
keys = jwt.PyJWKClient(
    f"{address}/.well-known/jwks.json", lifespan=float(kept), cooldown_duration=3600
)
for line in sys.stdin:
    token = line.strip()
    try:
        key = keys.get_signing_key_from_jwt(token)
        print(jwt.decode(token, key, algorithms=["ES256"], issuer=issuer)["sub"], flush=True)
    except jwt.PyJWTError as error:
        print(type(error).__name__, flush=True)
