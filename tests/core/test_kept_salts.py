"""Salts and contexts that stored or running things depend on: a module may move, they stay.

Another salt would void the codes that are out, end the sessions of operators, forget locks, or
let one node of an upgrade count apart from the other.
"""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]


def first_texts(app: str) -> set[str]:
    """Return the literal texts that are the first argument of a keyed digest."""
    calls = [
        node
        for path in (ROOT / app).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == "salted_hmac"
    ]
    return {ast.literal_eval(call.args[0]) for call in calls}


def test_no_salt_follows_the_name_of_its_module():
    assert first_texts("accounts") == {
        "accounts.User.epoch",
        "accounts.budgets.key",
        "accounts.kinds",
        "accounts.limits",
        "accounts.passwords.code",
    }
    assert first_texts("apikeys") == first_texts("authsvc") == set()
