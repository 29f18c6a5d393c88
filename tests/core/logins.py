"""Logins of every contract, as JSON and as forms."""

JSON_LOGINS = [
    "/api/v1/auth/login",
    "/v1/login",
    "/api/auth/login",
    "/c/bearer/api/v1/auth/login",
    "/c/camel/api/v1/auth/login",
    "/c/challenge/v1/login",
    "/c/envelope/api/auth/login",
]
FORM_LOGINS = [
    "/api/v1/auth/login",
    "/api/v1/auth/token",
    "/v1/login",
    "/c/form/api/v1/auth/login",
    "/c/form/api/v1/auth/token",
]
LOGINS = [("json", path) for path in JSON_LOGINS] + [("form", path) for path in FORM_LOGINS]
