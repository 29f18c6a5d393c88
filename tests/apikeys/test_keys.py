"""Alice makes keys for her programs: their format, storage, use and end, and their races."""

import logging
import re
import string
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.conf import settings
from django.core import mail
from django.db import DatabaseError, OperationalError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now
from hypothesis import given
from hypothesis import strategies as st

from accounts import identities, password_reset, passwords, request_context, sessions
from accounts.audit import event_kinds
from accounts.errors import InvalidToken
from accounts.mail import delivery, templates
from accounts.models import AuditEvent, OutgoingMail, User
from accounts.policy import Policy
from accounts.request_context import RequestContext
from apikeys import key_format, keys, usage
from apikeys.end_reasons import EndReason
from apikeys.errors import AlreadyRotated, KeyNotFound, TooManyKeys
from apikeys.models import APIKey, KnownAddress
from tests.audit_events import told
from tests.concurrency import at_once
from tests.conftest import PASSWORD
from tests.core.test_secrets_at_rest import dump

POLICY = Policy(name="camel", access=timedelta(hours=1), refresh=timedelta(days=30))
DAY = timedelta(days=1)
stored = pytest.mark.django_db
crowded = pytest.mark.django_db(transaction=True)
KEPT = key_format.ALPHABET
written = st.builds(
    lambda key_id, body: f"sk_live_{key_id}_{body}{key_format.checksum(key_id + body)}",
    st.text(KEPT, min_size=8, max_size=8),
    st.text(KEPT, min_size=32, max_size=32),
)
places = st.integers(0, 54)


@pytest.fixture
def owner(alice):
    """Return Alice's identity by the token of her session."""
    return identities.identify(sessions.open_session(POLICY, "alice", PASSWORD).access)


@pytest.fixture
def secret(owner):
    return keys.create(owner, "CI", ["profile"], None)[1]


def mine(secret):
    return APIKey.objects.get(pk=secret[8:16])


def use(secret, address="192.0.2.7", **more):
    with request_context.use(RequestContext(address=address, **more)):
        return keys.identify(secret)


def works(secret):
    try:
        return use(secret).username == "alice"
    except InvalidToken:
        return False


def kinds(prefix="key_"):
    return list(
        AuditEvent.objects.filter(kind__startswith=prefix)
        .order_by("pk")
        .values_list("kind", flat=True)
    )


@contextmanager
def missing(table):
    """Rename the table for a while, so that writing to it fails."""
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} RENAME TO elsewhere")
        try:
            yield
        finally:
            cursor.execute(f"ALTER TABLE elsewhere RENAME TO {table}")


def refused_without_a_query(secret):
    """Check that no query is made: pytest-django refuses it in tests without a database."""
    assert key_format.read(secret) is None
    with pytest.raises(InvalidToken, match="mistyped"):
        keys.identify(secret)
    with pytest.raises(KeyNotFound):
        keys.revoke_leaked(secret)


# How a key is written


def test_a_new_key():
    key_id, secret = key_format.new()
    assert key_format.PATTERN.fullmatch(secret)
    assert key_format.read(secret) == key_id
    assert (len(secret), secret[:8], secret[8:16], secret[16]) == (55, "sk_live_", key_id, "_")


def test_keys_are_of_chance_and_use_every_character():
    made = [key_format.new() for _ in range(500)]
    assert len({key_id for key_id, _ in made}) == len({secret[17:49] for _, secret in made}) == 500
    assert {c for _, secret in made for c in secret[17:49]} == set(
        string.ascii_letters + string.digits
    )


@given(written)
def test_a_key_is_read_as_it_is_written(secret):
    assert key_format.read(secret) == secret[8:16]


def test_a_checksum_that_others_can_check():
    """CRC-32, whose check value is CBF43926, in six digits of base 62."""
    assert key_format.checksum("123456789") == "3Jzrme"
    assert key_format.checksum("") == "000000"


def test_the_expression_that_the_documents_give_to_secret_scanners_finds_keys():
    (pattern,) = re.findall(
        r"`(\\bsk_live_.*?)`", (settings.BASE_DIR / "docs" / "clients" / "api-keys.md").read_text()
    )
    secret = key_format.new()[1]
    for leaked in (
        secret,
        f'KEY="{secret}"',
        f"a line\nBearer {secret}\n",
        f"{{'X-API-Key':'{secret}'}}",
    ):
        assert re.findall(pattern, leaked) == [secret]
    for other in ("sk_live_4eC39HqLyjWDarjtT1zdp7dc", secret[:-1], f"{secret}x", "key_00000000"):
        assert re.findall(pattern, other) == []


@given(written, places, st.characters(codec="utf-8"))
def test_any_changed_character_is_caught_without_a_query(secret, place, other):
    if other != secret[place]:
        refused_without_a_query(secret[:place] + other + secret[place + 1 :])


@given(written, places, st.sampled_from(key_format.ALPHABET))
def test_any_character_changed_for_another_of_the_alphabet_is_caught(secret, place, other):
    if other != secret[place]:
        refused_without_a_query(secret[:place] + other + secret[place + 1 :])


@given(written, places, places)
def test_any_two_characters_swapped_are_caught(secret, one, other):
    swapped = list(secret)
    swapped[one], swapped[other] = swapped[other], swapped[one]
    if secret[one] != secret[other]:
        refused_without_a_query("".join(swapped))


def test_each_neighbour_swapped_and_each_case_changed_is_caught():
    _, secret = key_format.new()
    for place in range(54):
        one, other = secret[place], secret[place + 1]
        if one != other:
            refused_without_a_query(secret[:place] + other + one + secret[place + 2 :])
        if one.swapcase() != one:
            refused_without_a_query(secret[:place] + one.swapcase() + secret[place + 1 :])


@given(written, places, places)
def test_any_cut_is_caught(secret, start, length):
    refused_without_a_query(secret[:start] + secret[start + length + 1 :])


@given(written, places, st.text(min_size=1, max_size=60))
def test_any_insertion_is_caught(secret, place, more):
    refused_without_a_query(secret[:place] + more + secret[place:])
    refused_without_a_query(secret + more)


@given(st.text())
def test_any_other_text_is_no_key(typed):
    refused_without_a_query(typed)
    refused_without_a_query(key_format.PREFIX + typed)


# At rest


@pytest.mark.own_sql
@stored
def test_only_a_digest_is_kept(secret, caplog):
    caplog.set_level(logging.DEBUG)
    use(secret)
    usage.write()
    keys.rotate(use(secret), mine(secret).public_id, DAY)
    keys.revoke_leaked(secret)
    logging.getLogger("apikeys").warning("the log is read")
    for read in (dump(), caplog.text):
        assert secret not in read
        assert secret[17:] not in read
        assert secret[17:49] not in read
    assert mine(secret).digest in dump()
    assert mine(secret).digest not in caplog.text
    assert "the log is read" in caplog.text


@stored
def test_a_key_shows_no_secret_of_its_own(secret):
    found = mine(secret)
    for shown in (repr(found), str(found), f"{use(secret)!r}"):
        assert secret[17:] not in shown
        assert found.digest not in shown
        assert found.last_four not in shown.replace(found.public_id, "")


# What a request costs


@pytest.fixture
def statements(transactional_db):
    """Return a function that counts the statements of a request, without BEGIN and COMMIT."""

    def of(request):
        with CaptureQueriesContext(connection) as captured:
            answer = request()
        sent = [query["sql"] for query in captured.captured_queries]
        return answer.status_code, len(
            [sql for sql in sent if not sql.startswith(("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE"))]
        )

    return of


@pytest.fixture
def token(caller, alice):
    return sessions.open_session(POLICY, "alice", PASSWORD).access


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/auth/me",
        "/c/form/api/v1/auth/me",
        "/api/auth/validate",
        "/c/envelope/api/auth/validate",
    ],
)
@pytest.mark.parametrize("header", ["Authorization", "X-API-Key"])
def test_a_good_key_is_one_query_also_at_its_first_use(caller, statements, secret, path, header):
    headers = {header: f"Bearer {secret}" if header == "Authorization" else secret}
    for _ in range(3):
        assert statements(lambda: caller.get(path, **headers)) == (200, 1)
    usage.write()
    assert statements(lambda: caller.get(path, **headers)) == (200, 1)


def test_a_key_that_is_none_is_one_query_and_a_mistyped_one_is_none(caller, statements, secret):
    mistyped = secret[:-1] + ("a" if secret[-1] != "a" else "b")
    assert statements(lambda: caller.get("/api/v1/auth/me", mistyped)) == (401, 0)
    assert statements(lambda: caller.get("/api/auth/validate", **{"X-API-Key": secret[:-1]})) == (
        401,
        0,
    )
    assert statements(lambda: caller.get("/api/v1/auth/me", key_format.new()[1])) == (401, 1)
    assert statements(
        lambda: caller.json("/api/v1/auth/keys/revoke-leaked", {"apiKey": mistyped})
    ) == (404, 0)


def test_what_managing_keys_costs(caller, statements, token):
    """Identify the caller; then lock the owner, count, insert, record and mail, or read, or end."""
    made = caller.json("/api/v1/auth/keys", {}, token).json()
    rotate, delete = (
        f"/api/v1/auth/keys/{made['keyId']}/rotate",
        f"/api/v1/auth/keys/{made['keyId']}",
    )
    assert statements(lambda: caller.json("/api/v1/auth/keys", {}, token)) == (201, 6)
    assert statements(lambda: caller.get("/api/v1/auth/keys", token)) == (200, 2)
    assert statements(lambda: caller.json(rotate, {}, token)) == (201, 8)
    assert statements(
        lambda: caller.http.delete(delete, headers={"Authorization": f"Bearer {token}"})
    ) == (204, 4)
    leaked = caller.json("/api/v1/auth/keys", {}, token).json()["apiKey"]
    assert statements(
        lambda: caller.json("/api/v1/auth/keys/revoke-leaked", {"apiKey": leaked})
    ) == (204, 4)
    assert (
        statements(lambda: caller.json("/api/v1/auth/keys/revoke-leaked", {"apiKey": leaked}))[0]
        == 204
    )


def test_fifty_keys_cost_no_more_to_list_than_one(caller, statements, token, alice):
    for _ in range(50):
        APIKey.objects.issue(alice.pk)
    assert statements(lambda: caller.get("/api/v1/auth/keys", token)) == (200, 2)


# When and from where it was used


@stored
def test_uses_are_written_by_the_process_and_not_by_the_request(secret):
    before = now()
    for _ in range(3):
        use(secret)
    assert mine(secret).last_used_at is None
    usage.write()
    assert before <= mine(secret).last_used_at <= now()
    assert usage.GATHER_SECONDS <= 2


@stored
def test_no_thread_writes_where_nothing_is_served(secret):
    """It would write the uses that a test, or a command, is about to write."""
    use(secret)
    assert "key-usage" not in {thread.name for thread in threading.enumerate()}


@stored
@pytest.mark.parametrize(("seconds", "shown"), [(59, False), (61, True)])
def test_the_last_use_is_written_at_most_once_a_minute_by_all_processes_together(
    secret, seconds, shown
):
    earlier = now() - timedelta(seconds=seconds)
    APIKey.objects.update(last_used_at=earlier)
    use(secret)
    usage.write()
    assert (mine(secret).last_used_at > earlier) == shown


@stored
def test_a_second_use_within_a_minute_is_not_even_noted(secret, django_assert_num_queries):
    use(secret)
    usage.write()
    with django_assert_num_queries(1):  # whose it is
        use(secret)
        usage.write()


@stored
def test_a_key_in_use_is_written_again_after_a_minute(secret):
    """No other key is used meanwhile, whose write would let the process forget this one."""
    APIKey.objects.update(last_used_at=now() - timedelta(seconds=58))
    for pause in (2.1, 0):
        use(secret)
        usage.write()
        time.sleep(pause)
    assert now() - mine(secret).last_used_at < timedelta(seconds=30)


@stored
def test_a_use_of_before_does_not_turn_back_the_clock(secret):
    """Another process has written a later use."""
    use(secret)
    later = now() + timedelta(seconds=20)
    APIKey.objects.update(last_used_at=later)
    usage.write()
    assert mine(secret).last_used_at == later


@stored
def test_without_a_use_nothing_is_written(secret, django_assert_num_queries):
    use(secret)
    usage.write()
    with django_assert_num_queries(0):
        usage.write()


@stored
def test_the_first_use_of_a_key_is_from_no_new_address(alice, secret):
    use(secret, "192.0.2.7")
    usage.write()
    assert kinds("key_used") == []
    assert [known["network"] for known in keys.export_owner_data(alice)[0]["networks"]] == [
        "192.0.2.7"
    ]


@stored
def test_the_first_use_from_another_address_is_on_record_and_the_second_is_not(alice, secret):
    use(secret, "192.0.2.6")
    for _ in range(2):
        use(secret, "192.0.2.7", request_id="abc", contract="form")
        usage.write()
        usage.clear()
    event = AuditEvent.objects.get(kind="key_used_from_new_address")
    assert (event.user, event.name, told(event)) == (alice, mine(secret).public_id, "192.0.2.7")
    assert (event.address, event.request_id, event.contract) == ("192.0.2.7", "abc", "form")
    use(secret, "192.0.2.8")
    usage.write()
    assert kinds("key_used") == ["key_used_from_new_address"] * 2


@stored
def test_a_use_from_another_address_has_the_time_of_the_use_and_not_of_its_writing(alice, secret):
    """The use is written after the key's end."""
    for address in ("192.0.2.6", "192.0.2.7"):
        use(secret, address)
    keys.delete(alice, mine(secret).public_id)
    usage.write()
    assert AuditEvent.objects.get(kind="key_used_from_new_address").at < mine(secret).ended_at


@stored
def test_an_address_is_the_network_of_one_subscriber(secret):
    for address in ("2001:db8::1", "2001:db8::ffff:1", "::ffff:192.0.2.7", "192.0.2.7", None):
        use(secret, address)
    usage.write()
    assert set(KnownAddress.objects.values_list("network", flat=True)) == {
        "2001:db8::",
        "192.0.2.7",
        "unknown",
    }
    assert len(kinds("key_used")) == 2


@stored
def test_a_use_of_a_key_that_is_gone_by_now(secret, bob):
    other = APIKey.objects.issue(bob.pk)[1]
    use(secret), use(other)
    APIKey.objects.filter(owner__username="alice").delete()
    usage.write()
    assert mine(other).last_used_at


@crowded
def test_what_the_database_does_not_take_is_written_later(secret, caplog):
    use(secret), use(secret, "192.0.2.8")
    with missing("apikeys_apikey"):
        usage.write()
    assert "uses of API keys wait to be written" in caplog.text
    assert secret not in caplog.text
    usage.write()
    assert mine(secret).last_used_at
    assert kinds("key_used") == ["key_used_from_new_address"]


@crowded
def test_a_new_address_that_could_not_be_recorded_is_recorded_later(secret):
    use(secret), use(secret, "192.0.2.8")
    with missing("accounts_auditevent"):
        usage.write()
    usage.write()
    assert kinds("key_used") == ["key_used_from_new_address"]


@crowded
def test_who_writes_last_waits_for_who_is_writing(secret):
    """A process ends while its thread writes the uses."""
    use(secret)
    with ThreadPoolExecutor(2) as threads:
        with transaction.atomic():
            APIKey.objects.select_for_update().get(pk=secret[8:16])
            first = threads.submit(in_its_own_connection, usage.write)
            time.sleep(0.3)
            last = threads.submit(in_its_own_connection, usage.write)
            time.sleep(0.3)
            early = last.done()
        first.result(), last.result()
    assert mine(secret).last_used_at
    assert not early


# Whose it is


@stored
def test_a_key_of_an_inactive_owner_is_refused_at_once_and_not_revived(alice, secret):
    alice.is_active = False
    alice.save()
    assert not works(secret)
    alice.is_active = True
    alice.save()
    assert not works(secret)
    assert mine(secret).ended_reason == "owner_deactivated"


@stored
def test_an_owner_who_is_inactive_in_the_database_is_enough(alice, secret):
    User.objects.filter(pk=alice.pk).update(is_active=False)
    assert not works(secret)


@stored
def test_a_password_reset_leaves_keys_alone_and_names_them(alice, secret):
    other, _ = APIKey.objects.issue(alice.pk, "Staging")
    APIKey.objects.issue(alice.pk, expires_at=now())
    APIKey.objects.filter(pk=APIKey.objects.issue(alice.pk)[0].pk).end(EndReason.DELETED)
    password_reset.use_token(password_reset.make(alice).token, "eine Zeile, die keiner kennt")
    assert works(secret)
    remain = OutgoingMail.objects.get(template="keys_remain")
    live = [
        {"name": "Staging", "key": other.public_id},
        {"name": "CI", "key": mine(secret).public_id},
    ]
    assert (remain.user, remain.data) == (alice, {"count": 2, "keys": live})


@stored
def test_a_reset_says_nothing_of_keys_where_there_are_none_or_no_mail(alice, owner, settings):
    password_reset.use_token(password_reset.make(alice).token, "eine Zeile, die keiner kennt")
    keys.create(owner, "CI", ["profile"], None)
    settings.EMAILS_ENABLED = False
    password_reset.use_token(password_reset.make(alice).token, "noch eine, die keiner kennt")
    assert not OutgoingMail.objects.filter(template="keys_remain").exists()


@stored
def test_a_change_of_the_password_leaves_keys_alone(alice, secret):
    passwords.change(alice.pk, PASSWORD, "eine Zeile, die keiner kennt")
    assert works(secret)
    told = OutgoingMail.objects.get(template="password_changed")
    assert told.data == {"keys": [{"name": "CI", "key": mine(secret).public_id}]}


# Mails


def delivered():
    delivery.deliver_due()
    return mail.outbox


@stored
def test_the_mail_that_keys_remain(alice, owner, secret):
    for said in ("1 API key: a reset does not\nend it", "2 API keys: a reset does not\nend them"):
        mail.outbox.clear()
        with request_context.use(RequestContext(address="192.0.2.7")):
            password_reset.use_token(
                password_reset.make(alice).token, f"eine Zeile, die {said[0]} mal gilt"
            )
        (message,) = [message for message in delivered() if "still work" in message.subject]
        assert (message.to, message.subject) == (
            ["alice@example.com"],
            "Your API keys for authsvc still work",
        )
        (html, _), *_ = message.alternatives
        assert said in message.body
        assert said.replace("\n", " ") in html
        for part in (message.body, html):
            assert "192.0.2.7" in part
            assert "http://testserver/forgot" in part
            assert "http://testserver/keys" in part
            assert mine(secret).public_id in part
        keys.create(owner, "another", ["profile"], None)
    delivered()
    assert set(OutgoingMail.objects.values_list("status", flat=True)) == {"sent"}


@stored
def test_the_mail_that_a_key_leaked(owner):
    key, secret = keys.create(owner, "<CI> & co", ["profile"], None)
    with request_context.use(RequestContext(address="198.51.100.9")):
        keys.revoke_leaked(secret)
    *_, message = delivered()
    assert (message.to, message.subject) == (
        ["alice@example.com"],
        "One of your API keys for authsvc leaked, and was ended",
    )
    (html, _), *_ = message.alternatives
    assert f"<CI> & co ({key.public_id})" in message.body
    assert f"<strong>&lt;CI&gt; &amp; co</strong> ({key.public_id})" in html
    for part in (message.body, html):
        assert "198.51.100.9" in part
        assert "http://testserver/forgot" in part
        assert secret not in part
    assert set(OutgoingMail.objects.values_list("status", flat=True)) == {"sent"}


@stored
@pytest.mark.parametrize(
    ("language", "subject"),
    [("en", "A new API key for authsvc"), ("de", "Ein neuer"), ("fr", "Une nouvelle")],
)
def test_the_mail_that_a_key_was_made(alice, owner, language, subject):
    User.objects.update(language=language)
    with request_context.use(RequestContext(address="198.51.100.9")):
        key, secret = keys.create(owner, "<CI>\r\n& co", ["profile"], None)
    (message,) = delivered()
    (html, _), *_ = message.alternatives
    assert message.subject.startswith(subject)
    assert f"    <CI>\\r\\n& co ({key.public_id})\n" in message.body
    assert f"<strong>&lt;CI&gt;\\r\\n&amp; co</strong> ({key.public_id})" in html
    for part in (message.body, html):
        assert {"198.51.100.9", "http://testserver/keys", "http://testserver/forgot"} <= set(
            re.findall(r"[\w.:/]+", part)
        )
        assert secret[17:] not in part


@stored
def test_the_mail_that_a_key_was_rotated_names_the_successor(owner, secret):
    new, _ = keys.rotate(owner, mine(secret).public_id, DAY)
    *_, message = delivered()
    assert message.subject == "An API key for authsvc was rotated"
    assert f"    CI ({new.public_id})\n" in message.body


@stored
@pytest.mark.parametrize(
    ("language", "said"),
    [("en", "the last mail of this kind"), ("de", "die letzte"), ("fr", "le dernier")],
)
def test_a_loop_of_keys_fills_no_mailbox_and_is_all_on_record(alice, owner, language, said):
    User.objects.update(language=language)
    for _ in range(12):
        key, _ = keys.create(owner, "CI", ["profile"], None)
        keys.delete(owner, keys.rotate(owner, key.public_id, DAY)[0].public_id)
    messages = delivered()
    assert len(messages) == 20
    parts = [(message.body, message.alternatives[0][0]) for message in messages]
    assert [said in plain and said in html for plain, html in parts] == [False] * 19 + [True]
    assert AuditEvent.objects.filter(kind__in=["key_created", "key_rotated"]).count() == 24
    keys.revoke_leaked(keys.create(owner, "CI", ["profile"], None)[1])
    assert OutgoingMail.objects.filter(template="key_leaked").exists()


@stored
def test_a_key_is_made_without_a_word_where_no_mail_can_be_sent(alice, owner, settings):
    settings.EMAILS_ENABLED = False
    keys.create(owner, "CI", ["profile"], None)
    settings.EMAILS_ENABLED = True
    keys.create(owner._replace(email=None), "CI", ["profile"], None)
    assert not OutgoingMail.objects.exists()
    assert APIKey.objects.live().count() == 2


@stored
@pytest.mark.parametrize("temporary", [False, True])
def test_the_mail_about_a_changed_password_names_the_keys_that_live_on(
    alice, owner, secret, temporary
):
    if temporary:
        passwords.set_temporary(alice, "set by Olga, for once")
        passwords.replace_temporary(
            alice, str(alice.credential_version), "eine Zeile, die keiner kennt"
        )
    else:
        passwords.change(alice.pk, PASSWORD, "eine Zeile, die keiner kennt")
    *_, message = delivered()
    (html, _), *_ = message.alternatives
    for part in (message.body, html):
        assert "A new password does not end API keys. This one still works:" in part
        assert mine(secret).public_id in part
        assert "http://testserver/keys" in part


# On record


@stored
def test_what_becomes_of_a_key_is_on_record(alice, owner):
    with request_context.use(
        RequestContext(address="192.0.2.7", request_id="abc", contract="camel")
    ):
        old, secret = keys.create(owner, "CI", ["profile"], None)
        new, _ = keys.rotate(owner, old.public_id, DAY)
        keys.delete(owner, new.public_id)
        keys.revoke_leaked(secret)
        keys.revoke_leaked(secret)
    events = AuditEvent.objects.filter(kind__startswith="key_").order_by("pk")
    assert [(event.kind, event.name, told(event)) for event in events] == [
        ("key_created", old.public_id, ""),
        ("key_rotated", new.public_id, f"successor of {old.public_id}"),
        ("key_deleted", new.public_id, ""),
        ("key_leaked", old.public_id, ""),
    ]
    assert {(event.user, event.address, event.request_id, event.contract) for event in events} == {
        (alice, "192.0.2.7", "abc", "camel")
    }


@stored
def test_what_is_on_record_and_in_the_post_has_a_name_that_operators_can_filter(secret):
    use(secret)
    usage.write()
    keys.revoke_leaked(secret)
    assert set(kinds()) <= set(event_kinds.labels)
    assert set(OutgoingMail.objects.values_list("template", flat=True)) <= set(templates.labels)


@crowded
@pytest.mark.parametrize("what", ["create", "rotate", "delete", "leaked"])
def test_what_cannot_be_recorded_does_not_happen(owner, what):
    """A key without a mail, or a rotation that cannot be repeated, would be worse than none."""
    key, secret = keys.create(owner, "CI", ["profile"], None)
    act = {
        "create": lambda: keys.create(owner, "another", ["profile"], None),
        "rotate": lambda: keys.rotate(owner, key.public_id, DAY),
        "delete": lambda: keys.delete(owner, key.public_id),
        "leaked": lambda: keys.revoke_leaked(secret),
    }[what]
    before = list(APIKey.objects.values())
    with missing("accounts_auditevent"), pytest.raises(DatabaseError):
        act()
    assert list(APIKey.objects.values()) == before


@crowded
def test_a_report_of_a_leak_that_could_not_be_mailed_can_be_repeated(secret):
    with missing("accounts_outgoingmail"), pytest.raises(DatabaseError):
        keys.revoke_leaked(secret)
    keys.revoke_leaked(secret)
    assert OutgoingMail.objects.filter(template="key_leaked").count() == 1


# Fifty at most


@stored
def test_fifty_live_keys_and_no_more(alice, bob):
    made = [APIKey.objects.issue(alice.pk)[0] for _ in range(50)]
    with pytest.raises(TooManyKeys):
        APIKey.objects.issue(alice.pk)
    APIKey.objects.issue(bob.pk)
    APIKey.objects.filter(pk=made[0].pk).end(EndReason.DELETED)
    APIKey.objects.filter(pk=made[1].pk).update(expires_at=now())
    APIKey.objects.issue(alice.pk), APIKey.objects.issue(alice.pk)
    with pytest.raises(TooManyKeys):
        APIKey.objects.issue(alice.pk)


@stored
def test_a_rotation_beyond_the_fiftieth_key_leaves_the_old_one_as_it_was(alice, owner, secret):
    for _ in range(49):
        APIKey.objects.issue(alice.pk)
    with pytest.raises(TooManyKeys):
        keys.rotate(owner, mine(secret).public_id, DAY)
    assert (mine(secret).rotated_at, mine(secret).expires_at) == (None, None)


def in_its_own_connection(act):
    try:
        with request_context.use(RequestContext()):
            return act()
    finally:
        connection.close()


@crowded
def test_of_sixty_made_at_once_fifty_live(owner):
    """On SQLite some may wait for too long, and then make no key."""
    answers = at_once(*[lambda: keys.create(owner, "CI", ["profile"], None)] * 60)
    results = Counter(type(answer) for answer in answers)
    if connection.vendor == "sqlite":
        assert results.keys() <= {tuple, TooManyKeys, OperationalError}
        assert results[TooManyKeys] == 0 or results[tuple] == 50
    else:
        assert results == {tuple: 50, TooManyKeys: 10}
    assert APIKey.objects.live().count() == results[tuple] <= 50


@crowded
def test_of_ten_made_at_once_beside_forty_five_five_are_made(alice, owner):
    for _ in range(45):
        APIKey.objects.issue(alice.pk)
    answers = at_once(*[lambda: keys.create(owner, "CI", ["profile"], None)] * 10)
    assert Counter(type(answer) for answer in answers) == {tuple: 5, TooManyKeys: 5}


# While it is used


class Uses:
    """A user of a key, who notes when each use began and whether it was accepted."""

    def __init__(self, secret):
        self.secret, self.seen, self.ended = secret, [], False

    def go_on(self):
        while not self.ended:
            begun = time.monotonic()
            self.seen.append((begun, works(self.secret)))

    def during(self, act):
        time.sleep(0.05)
        try:
            return act()
        finally:
            self.since = time.monotonic()
            time.sleep(0.05)
            self.ended = True


@crowded
@pytest.mark.parametrize("how", ["deleted", "leaked", "deactivated"])
def test_a_key_that_is_ended_while_it_is_used_stops_at_once(alice, owner, secret, how):
    def deactivate():
        alice.is_active = False
        alice.save()

    end = {
        "deleted": lambda: keys.delete(owner, mine(secret).public_id),
        "leaked": lambda: keys.revoke_leaked(secret),
        "deactivated": deactivate,
    }[how]
    uses = Uses(secret)
    assert at_once(*[uses.go_on] * 3, lambda: uses.during(end)) == [None] * 4
    after = [let_in for begun, let_in in uses.seen if begun > uses.since]
    assert any(let_in for _, let_in in uses.seen)
    assert after
    assert not any(after)


@crowded
def test_a_key_that_is_rotated_while_it_is_used_never_fails(owner, secret):
    uses = Uses(secret)
    *_, (_, successor) = at_once(
        *[uses.go_on] * 3,
        lambda: uses.during(lambda: keys.rotate(owner, mine(secret).public_id, DAY)),
    )
    assert all(let_in for _, let_in in uses.seen)
    assert works(successor)


@crowded
def test_of_six_rotations_at_once_one_succeeds(owner, secret):
    answers = at_once(*[lambda: keys.rotate(owner, mine(secret).public_id, DAY)] * 6)
    assert Counter(type(answer) for answer in answers) == {tuple: 1, AlreadyRotated: 5}
    assert APIKey.objects.live().count() == 2
    assert kinds("key_rotated") == ["key_rotated"]


@crowded
def test_of_six_deletions_at_once_one_succeeds(owner, secret):
    answers = at_once(*[lambda: keys.delete(owner, mine(secret).public_id)] * 6)
    assert Counter(type(answer) for answer in answers) == {type(None): 1, KeyNotFound: 5}
    assert kinds("key_deleted") == ["key_deleted"]


@crowded
def test_of_six_reports_of_a_leak_at_once_all_succeed_and_one_is_mailed(secret):
    assert at_once(*[lambda: keys.revoke_leaked(secret)] * 6) == [None] * 6
    assert (OutgoingMail.objects.filter(template="key_leaked").count(), kinds("key_leaked")) == (
        1,
        ["key_leaked"],
    )


def overtaken(act, by):
    """Return the result of a call that has begun, and waits for another one."""
    with ThreadPoolExecutor(1) as thread:
        with transaction.atomic():
            User.objects.select_for_update().get(username="alice")
            waiting = thread.submit(in_its_own_connection, act)
            time.sleep(0.3)
            by()
        error = waiting.exception()
        return error or waiting.result()


@crowded
@pytest.mark.parametrize("act", ["create", "rotate"])
def test_a_key_made_while_its_owner_is_deactivated_is_not_revived(alice, owner, secret, act):
    """Neither waits for the other."""

    def deactivate():
        alice.is_active = False
        alice.save()

    make = {
        "create": lambda: keys.create(owner, "another", ["profile"], None),
        "rotate": lambda: keys.rotate(owner, mine(secret).public_id, DAY),
    }
    answer = overtaken(make[act], by=deactivate)
    assert not isinstance(answer, OperationalError), answer
    alice.is_active = True
    alice.save()
    assert not APIKey.objects.live().exists()


@crowded
def test_a_rotation_that_a_deletion_overtakes_finds_no_key(owner, secret):
    def delete():
        keys.delete(owner, mine(secret).public_id)

    with ThreadPoolExecutor(1) as thread:
        with transaction.atomic():
            delete()
            waiting = thread.submit(
                in_its_own_connection, lambda: keys.rotate(owner, mine(secret).public_id, DAY)
            )
            time.sleep(0.3)
        assert isinstance(waiting.exception(), KeyNotFound)
    assert not APIKey.objects.live().exists()
