"""The export of users, and the export of one user's data."""

import csv
import io
import json
import stat
import tracemalloc

import pytest
from django.core.management import CommandError, call_command
from django.utils.timezone import now

from accounts import password_reset, request_context, sessions
from accounts.identifiers import normalise
from accounts.mail import outbox
from accounts.models import AuditEvent, User
from accounts.privacy import user_data
from accounts.transfer import user_export
from accounts.transfer.columns import COLUMNS
from accounts.transfer.file_reader import read_rows
from accounts.transfer.user_import import ImportOptions, import_rows
from apikeys.models import APIKey
from authsvc.contracts import bearer
from tests.audit_events import reason_of
from tests.conftest import PASSWORD

pytestmark = pytest.mark.usefixtures("db")
AWKWARD = [
    "=cmd|' /C calc'!A0",
    "+1",
    "-1+2",
    "@SUM(A1)",
    "'quoted'",
    "'=already",
    "''",
    "\tTab",
    "＝full width",
    'Comma, "quote"',
    "two\nlines",
    "two\r\nlines",
    "\rcarriage",
    "  spaces  ",
    "🦊 Fox",
    "שלום עולם",
    "semi;=colon",
    'semi;"=quoted',
    "tab\t=cmd()",
    "line\n=cmd()",
    "many;''=cmd();\t\n'-1",
    "‮override",
    "NULL",
    "0012",
    "ﬁ",
]


def written(*arguments):
    out = io.StringIO()
    call_command("export_users", *arguments, stdout=out, stderr=io.StringIO())
    return out.getvalue()


def facts():
    """Return the values that move with a user."""
    return [
        {name: user_export.as_dict(user)[name] for name in user_export.PUBLIC_COLUMNS}
        | {"hash": user.password}
        for user in User.objects.order_by("username")
    ]


@pytest.fixture
def crowd(alice):
    """Users with names of all kinds, most of them without a password."""
    for number, name in enumerate(AWKWARD):
        fields = {
            "name": name,
            "organization": name[::-1],
            "email": f"{number}@example.com",
            "is_active": number % 2 == 0,
        }
        User.objects.create_user(
            f"={number}" if number % 3 else f"person {number}",
            PASSWORD if number < 3 else None,
            **fields,
        )
    User.objects.filter(username="person 0").update(
        is_staff=True, last_login=now(), language="fr", must_change_password=True
    )
    User.objects.update(created_at="2020-02-29T10:00:00.123456Z")


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_exported_accounts_can_be_imported_unchanged(crowd, form):
    before, text = facts(), written("--format", form, "--with-hashes")
    User.objects.all().delete()
    results = [
        each
        for batch in import_rows(
            read_rows(io.BytesIO(text.encode()), form), ImportOptions(roles=True), source="x"
        )
        for each in batch
    ]
    assert {str(each.status) for each in results} == {"imported"}
    for one, other in zip(before, facts(), strict=True):
        usable = not one["hash"].startswith("!")
        assert one | {"hash": one["hash"] if usable else None} == other | {
            "hash": other["hash"] if usable else None
        }
        assert usable or other["hash"].startswith("!")


def test_a_csv_file_has_a_header_and_a_line_for_each(crowd):
    lines = list(csv.reader(io.StringIO(written(), newline="")))
    assert lines[0] == [name for name in COLUMNS if name not in ("password", "password_hash")]
    assert len(lines) == 1 + User.objects.count()


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_no_cell_is_a_formula_whatever_the_spreadsheet_splits_at(crowd, separator):
    cells = [
        cell.lstrip(' "')
        for line in csv.reader(io.StringIO(written(), newline=""), delimiter=separator)
        for cell in line
    ]
    assert [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r", "＝"))] == []


def test_an_export_holds_no_secret_unless_it_is_asked_for(crowd, alice):
    text = written("--format", "jsonl")
    assert json.loads(text.splitlines()[0]).keys() == set(user_export.PUBLIC_COLUMNS)
    assert "argon2" not in text
    assert alice.password in written("--format", "jsonl", "--with-hashes")
    assert [
        reason_of(event) for event in AuditEvent.objects.filter(kind="exported").order_by("pk")
    ] == [
        "all accounts, on the machine, jsonl",
        "all accounts, on the machine, jsonl, with password hashes",
    ]


def test_a_file_is_for_its_owner_only_also_if_others_could_read_it_before(tmp_path, alice):
    path = tmp_path / "people.csv"
    path.write_text("old")
    path.chmod(0o644)
    written(str(path))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "alice" in path.read_text()
    with pytest.raises(CommandError, match="No such file"):
        written("/nowhere/people.csv")
    with pytest.raises(CommandError, match="end in"):
        written(str(tmp_path / "people.xlsx"))


def test_accounts_are_read_a_page_at_a_time(
    monkeypatch, alice, bob, olga, django_assert_num_queries
):
    monkeypatch.setattr(user_export, "PAGE_SIZE", 2)
    with django_assert_num_queries(3):
        assert [row["username"] for row in user_export.dicts(User.objects.all())] == [
            "alice",
            "bob",
            "olga",
        ]


def test_memory_does_not_grow_with_the_number_of_accounts(monkeypatch):
    monkeypatch.setattr(user_export, "PAGE_SIZE", 100)

    def peak():
        tracemalloc.start()
        for _ in user_export.jsonl_text(user_export.dicts(User.objects.all())):
            pass
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    User.objects.bulk_create(
        [User(username=f"person{number}", name="x" * 200) for number in range(400)]
    )
    peak()
    few = peak()
    User.objects.bulk_create(
        [User(username=f"another{number}", name="x" * 200) for number in range(3000)]
    )
    assert peak() < few + 256 * 1024


# The data of one user


KEYS_OF_USER_DATA = {
    "format",
    "exported_at",
    "profile",
    "known_networks",
    "sessions",
    "password_resets",
    "mails",
    "events",
    "acts_as_operator",
    "api_keys",
}


def test_a_user_gets_all_data_about_them_and_no_secret(alice, bob, olga):
    with request_context.use(request_context.RequestContext(address="2001:db8::7:1")):
        issued = sessions.open_session(bearer.contract.policy, "alice", PASSWORD)
    sessions.open_session(bearer.contract.policy, "bob", PASSWORD)
    reset_secrets = password_reset.make(alice)
    outbox.put(outbox.Template.RESET, identifier="alice@example.com")
    key, secret = APIKey.objects.issue(alice.pk, "ci")
    held = json.loads(json.dumps(user_data.export(alice, actor=olga, reason="she asked")))
    assert held.keys() == KEYS_OF_USER_DATA
    assert held["profile"]["email"] == "alice@example.com"
    assert [each["network"] for each in held["known_networks"]] == ["2001:db8::"]
    assert [each["id"] for each in held["sessions"]] == [str(issued.session_id)]
    assert [each["kind"] for each in held["events"]] == ["login", "person_exported"]
    assert [each["typed"] for each in held["mails"]] == ["alice@example.com"]
    assert [(each["id"], each["name"], each["networks"]) for each in held["api_keys"]] == [
        (key.public_id, "ci", [])
    ]
    text = json.dumps(held)
    for hidden in (
        secret,
        key.digest,
        reset_secrets.token,
        reset_secrets.reset.token_digest,
        reset_secrets.reset.code_digest,
        alice.password,
        "bob",
        "olga",
    ):
        assert hidden not in text
    event = AuditEvent.objects.get(kind="person_exported")
    assert (event.user, event.actor, event.note) == (alice, olga, "she asked")


def test_the_command_writes_it_for_its_owner_only(tmp_path, alice):
    path = tmp_path / "alice.json"
    call_command("export_user_data", "ALICE@example.com", str(path))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert json.loads(path.read_text())["profile"]["username"] == "alice"
    with pytest.raises(CommandError, match="no account"):
        call_command("export_user_data", "nobody")


def test_an_operator_gets_their_actions_without_the_users(alice, olga):
    AuditEvent.objects.create(
        kind="deactivated", user=alice, actor=olga, name="alice", note="she left"
    )
    held = user_data.export(olga)
    assert [each["kind"] for each in held["acts_as_operator"]] == ["deactivated"]
    assert "alice" not in json.dumps(held)


def test_awkward_names_stay_unchanged():
    assert all(normalise(normalise(name)) == normalise(name) for name in AWKWARD)
