"""A link's token and a code: two ways back in for who has forgotten the password, used once, by one person."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial

import pytest
from django.apps import apps
from django.contrib.auth import get_user
from django.db import connection, transaction
from django.http import HttpRequest
from django.test import Client
from django.utils.timezone import now

from accounts import identities, issued_tokens, passwords, sessions
from accounts.errors import (
    InvalidCode,
    InvalidCredentials,
    InvalidReset,
    InvalidToken,
    WeakPassword,
)
from accounts.mail import delivery
from accounts.models import AuditEvent, OutgoingMail, PasswordReset, User
from accounts.policy import Policy
from tests.concurrency import at_once
from tests.conftest import PASSWORD
from tests.reset_mails import code_in, token_in

pytestmark = pytest.mark.django_db
POLICY = Policy(name="bearer", access=timedelta(hours=1), refresh=timedelta(days=30))
NEW = "eine Zeile, die keiner kennt"
WRONG = "WrongC0d"
crowded = pytest.mark.django_db(transaction=True)


def log_in(username="alice", password=PASSWORD):
    return sessions.open_session(POLICY, username, password)


def by_token(proof, password=NEW):
    return passwords.reset_by_token(proof.token, password)


def by_code(proof, password=NEW, username="alice"):
    return passwords.reset_by_code(username, proof.code, password)


each_way = pytest.mark.parametrize("use", [by_token, by_code])


@pytest.fixture
def proof(alice):
    return passwords.make_reset(alice)


def an_hour_passes():
    """For the count of mails: what was asked for lies further back."""
    PasswordReset.objects.update(created_at=now() - timedelta(hours=1))


def guess(username="alice", code=WRONG):
    with pytest.raises(InvalidCode):
        passwords.reset_by_code(username, code, NEW)


REFUSAL = {by_token: InvalidReset, by_code: InvalidCode}


def refuses(use, proof):
    with pytest.raises(REFUSAL[use]):
        use(proof, "yet another password")


@each_way
def test_a_reset_sets_the_password_and_ends_every_session(alice, bob, proof, use):
    hers, his = [log_in(), log_in()], log_in("bob")
    assert use(proof) == alice
    for issued in hers:
        with pytest.raises(InvalidToken, match="session_ended"):
            identities.identify(issued.access)
    assert identities.identify(his.access).id == bob.pk
    with pytest.raises(InvalidCredentials):
        log_in()
    assert log_in(password=NEW).user == alice


@each_way
def test_a_reset_ends_the_sessions_of_the_admin_too(olga, use):
    browser, proof = Client(), passwords.make_reset(olga)
    browser.force_login(olga)
    use(proof, **({"username": "olga"} if use is by_code else {}))
    request = HttpRequest()
    request.session = browser.session
    assert not get_user(request).is_authenticated


@each_way
@pytest.mark.parametrize("first", [by_token, by_code])
def test_using_one_closes_both(proof, first, use):
    first(proof)
    refuses(use, proof)
    assert log_in(password=NEW).user == proof.reset.user


@each_way
def test_using_one_closes_those_of_every_other_mail(alice, proof, use):
    other = passwords.make_reset(alice)
    by_token(other)
    refuses(use, proof)


def test_a_mailed_code_outlives_a_new_secret_key(alice, proof, settings):
    """As long as the earlier one is among the fallbacks."""
    former, settings.SECRET_KEY = (
        settings.SECRET_KEY,
        "another key, long enough for whoever would guess it",
    )
    refuses(by_code, proof)
    settings.SECRET_KEY_FALLBACKS = [former]
    assert by_code(proof) == alice


@each_way
def test_a_reset_lets_somebody_in_who_had_to_change_the_password(alice, use):
    passwords.set_temporary(alice, "set by Olga, for once")
    use(passwords.make_reset(alice))
    assert log_in(password=NEW).user == alice


def test_a_token_that_is_not_quite_the_token(alice, proof):
    alikes = [
        proof.token[:-1],
        proof.token + "A",
        proof.token.swapcase(),
        f" {proof.token}",
        "",
        proof.code,
        proof.reset.token_digest,
    ]
    for alike in [*alikes, "ａ" * 43, "\0", "x" * 60_000]:
        with pytest.raises(InvalidReset):
            passwords.reset_by_token(alike, NEW)
    assert by_token(proof) == alice


def test_looking_twenty_times_uses_nothing_up(alice, proof):
    assert {passwords.find_reset(proof.token) for _ in range(20)} == {proof.reset}
    assert by_token(proof) == alice


@each_way
def test_a_proof_that_has_expired(proof, use):
    PasswordReset.objects.update(expires_at=now() - timedelta(seconds=1))
    refuses(use, proof)


def test_a_proof_holds_for_as_long_as_the_settings_say(alice, settings):
    settings.RESET_LIFETIME = timedelta(minutes=20)
    reset = passwords.make_reset(alice).reset
    assert abs(reset.expires_at - reset.created_at - settings.RESET_LIFETIME) < timedelta(seconds=1)


@each_way
def test_an_inactive_account_has_no_way_back(alice, proof, use):
    User.objects.update(is_active=False)
    refuses(use, proof)
    assert not User.objects.get().check_password("yet another password")


@each_way
@pytest.mark.parametrize("event", ["change", "temporary password", "deactivation and back"])
def test_what_moves_the_credential_version_voids_a_proof_of_before(alice, proof, event, use):
    """The credential version counts what voids earlier proofs: whoever can read the account's old mail shall not get in after it."""
    match event:
        case "change":
            passwords.change(alice.pk, PASSWORD, NEW)
        case "temporary password":
            passwords.set_temporary(alice, "set by Olga, for once")
        case _:
            for alice.is_active in (False, True):
                alice.save()
    refuses(use, proof)


@each_way
def test_a_weak_password_uses_nothing_up(alice, proof, use):
    here = log_in()
    for weak in ["short", "password1", "alice1234", "x" * 1025, "", "1234567"]:
        with pytest.raises(WeakPassword):
            use(proof, weak)
    assert identities.identify(here.access).id == alice.pk
    assert PasswordReset.objects.get().wrong_tries == 0
    assert use(proof) == alice


def test_asking_ends_nothing_and_locks_nobody_out(alice, bob):
    here = log_in()
    for _ in range(20):
        passwords.ask_for_reset("alice")
        delivery.deliver_due()
    assert identities.identify(here.access).id == log_in().user.pk == alice.pk


# Codes


def test_five_wrong_codes_end_the_code_and_never_the_link(alice, proof):
    """Anybody can send wrong codes for Alice; who reads her mail still gets in by its link."""
    for _ in range(5):
        guess()
    guess(code=proof.code)
    assert passwords.find_reset(proof.token) == proof.reset
    assert by_token(proof) == alice


def test_a_link_whose_code_has_ended_is_replaced_by_the_next_mail(alice, proof):
    for _ in range(5):
        guess()
    passwords.replace_resets(passwords.make_reset(alice).reset)
    refuses(by_token, proof)


def test_four_wrong_codes_do_not(alice, proof):
    for _ in range(4):
        guess()
    assert by_code(proof) == alice


def test_a_new_mail_has_five_tries_of_its_own(alice, mailoutbox, proof):
    for _ in range(5):
        guess()
    fresh = passwords.make_reset(alice)
    passwords.replace_resets(fresh.reset)
    assert by_code(fresh) == alice


@crowded
def test_twelve_wrong_codes_at_once_end_the_code(alice, proof):
    answers = at_once(*[lambda: passwords.reset_by_code("alice", WRONG, NEW)] * 12)
    assert {type(answer) for answer in answers} == {InvalidCode}
    assert PasswordReset.objects.get().wrong_tries == 5
    guess(code=proof.code)


@crowded
def test_right_and_wrong_codes_at_once(alice):
    """Each wrong code is counted, and one right code is taken, or none where five wrong ones came first."""
    wrong = partial(passwords.reset_by_code, "alice", WRONG, NEW)
    for number in range(6):
        an_hour_passes()
        proof = passwords.make_reset(alice)
        right = [partial(by_code, proof, f"{NEW}, {number} {which}") for which in range(2)]
        answers = at_once(*[wrong] * number, *right, *[wrong] * (6 - number))
        reset = PasswordReset.objects.get(pk=proof.reset.pk)
        taken = [answer for answer in answers if answer == alice]
        assert len(taken) == (reset.used_at is not None)
        assert len(taken) == 1 or reset.wrong_tries == 5
        assert {type(answer) for answer in answers if answer not in taken} == {InvalidCode}


@pytest.mark.postgresql
@crowded
def test_a_right_code_waits_for_the_wrong_ones_before_it(alice, proof):
    """It comes while the fifth wrong code is counted, and is not checked by what stood there before that."""
    PasswordReset.objects.update(wrong_tries=4)
    with ThreadPoolExecutor(1) as other:
        with transaction.atomic():
            User.objects.lock(alice.pk)
            answer = other.submit(at_once, partial(by_code, proof))
            while not waiting_for_a_lock():
                assert not answer.done()
            PasswordReset.objects.update(wrong_tries=5)
        assert kinds(answer.result()) == {InvalidCode: 1}


def waiting_for_a_lock():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        return cursor.fetchone()[0]


def test_the_code_of_one_is_none_of_another(alice, bob, proof):
    his = passwords.make_reset(bob)
    guess("bob", proof.code)
    guess("alice", his.code)
    guess("nobody", proof.code)
    assert by_code(proof) == alice
    assert by_code(his, username="Bob@Example.com") == bob


def test_a_code_in_other_letters_is_another(alice, proof):
    for alike in {
        proof.code.swapcase(),
        proof.code[:-1],
        proof.code + "2",
        f"{proof.code[:4]} {proof.code[4:]}",
    } - {proof.code}:
        guess(code=alike)
    assert by_code(proof) == alice


@pytest.mark.parametrize("typed", [" ALICE ", "Alice@Example.com", "ａｌｉｃｅ"])
def test_a_code_with_the_name_typed_in_another_way(alice, proof, typed):
    assert by_code(proof, username=typed) == alice


# At the same time


def kinds(answers):
    return Counter(type(answer) for answer in answers)


@crowded
@each_way
def test_of_eight_resets_at_once_one_succeeds(alice, proof, use):
    log_in()
    wanted = [f"{NEW}, {number}" for number in range(8)]
    answers = at_once(*(partial(use, proof, new) for new in wanted))
    assert kinds(answers) == {User: 1, REFUSAL[use]: 7}
    (chosen,) = (new for new, answer in zip(wanted, answers, strict=True) if answer == alice)
    assert passwords.authenticate("alice", chosen) == alice
    assert not alice.sessions.live().exists()
    assert (
        OutgoingMail.objects.count()
        == AuditEvent.objects.filter(kind=AuditEvent.Kind.PASSWORD_CHANGED).count()
        == 1
    )


@crowded
def test_the_token_and_the_code_at_once_are_one_reset(alice):
    for _ in range(5):
        proof = passwords.make_reset(alice)
        answers = at_once(partial(by_token, proof, NEW + "!"), partial(by_code, proof, NEW + "?"))
        assert kinds(answers) in ({User: 1, InvalidReset: 1}, {User: 1, InvalidCode: 1})


@crowded
def test_the_links_of_two_mails_at_once_are_one_reset(alice):
    for _ in range(10):
        an_hour_passes()
        proofs = [passwords.make_reset(alice) for _ in range(3)]
        answers = at_once(*(partial(by_token, proof) for proof in proofs))
        assert kinds(answers) == {User: 1, InvalidReset: 2}
        assert not PasswordReset.objects.usable().exists()


@crowded
def test_a_reset_and_a_change_at_once_are_one_new_password(alice, proof):
    answers = at_once(
        lambda: by_token(proof, NEW + "!"), lambda: passwords.change(alice.pk, PASSWORD, NEW + "?")
    )
    chosen = {
        password
        for password in (NEW + "!", NEW + "?")
        if User.objects.get().check_password(password)
    }
    assert len(chosen) == 1
    assert {type(answer) for answer in answers} <= {User, InvalidReset, InvalidCredentials}


@crowded
def test_a_login_that_a_reset_overtakes_leaves_no_session(alice):
    for _ in range(3):
        proof = passwords.make_reset(alice)
        answers = at_once(*[log_in] * 5, partial(by_token, proof), *[log_in] * 5)
        assert {type(answer) for answer in answers} <= {
            User,
            issued_tokens.IssuedTokens,
            InvalidCredentials,
        }
        assert not alice.sessions.live().exists()
        User.objects.filter(pk=alice.pk).update(password=alice.password)


@crowded
def test_a_login_that_was_right_before_the_reset_does_not_finish_after_it(alice, proof):
    overtaken = passwords.authenticate("alice", PASSWORD)
    by_token(proof)
    with pytest.raises(InvalidCredentials, match="account_changed"):
        sessions.create_session(POLICY, overtaken)
    assert not alice.sessions.exists()


# Whatever replaces a password voids all other credentials


def by_change(alice):
    passwords.change(alice.pk, PASSWORD, NEW)


def by_operator(alice):
    passwords.set_temporary(alice, NEW)


def by_shell(alice):
    alice.set_password(NEW)
    alice.save()


def by_deactivation(alice):
    alice.is_active = False
    alice.save()


def by_mail(alice):
    by_token(passwords.make_reset(alice))


@pytest.mark.parametrize("replace", [by_change, by_operator, by_shell, by_deactivation, by_mail])
def test_a_replaced_password_ends_sessions_logins_and_resets(alice, proof, replace):
    issued, overtaken = log_in(), passwords.authenticate("alice", PASSWORD)
    replace(User.objects.get(pk=alice.pk))
    with pytest.raises(InvalidToken):
        identities.identify(issued.access)
    with pytest.raises(InvalidCredentials):
        sessions.create_session(POLICY, overtaken)
    with pytest.raises(InvalidReset):
        passwords.find_reset(proof.token)


@pytest.mark.parametrize("replace", [by_change, by_operator, by_shell, by_mail])
def test_a_link_that_had_expired_before_is_still_refused_as_expired(alice, proof, replace):
    PasswordReset.objects.update(expires_at=now())
    replace(User.objects.get(pk=alice.pk))
    with pytest.raises(InvalidReset, match="link_expired"):
        passwords.find_reset(proof.token)


# What is left behind


def test_the_owner_and_the_audit_log_are_told(alice, proof):
    guess()
    by_code(proof)
    mail = OutgoingMail.objects.get()
    assert (mail.template, mail.user) == (OutgoingMail.Template.PASSWORD_CHANGED, alice)
    kinds = AuditEvent.objects.filter(user=alice).order_by("pk").values_list("kind", flat=True)
    assert list(kinds) == [AuditEvent.Kind.RESET_FAILED, AuditEvent.Kind.PASSWORD_CHANGED]


def test_a_copy_of_the_database_holds_no_token_and_no_code(alice, mailoutbox, caplog):
    """Neither before, nor while the mail is out, nor after it was used; and the log says nothing either."""
    passwords.ask_for_reset("alice")
    delivery.deliver_due()
    proof = passwords.make_reset(alice)
    guess(code=proof.token[:8])
    by_code(proof)
    delivery.deliver_due()
    stored = "\n".join(
        str(row) for model in apps.get_models() for row in model._default_manager.values_list()
    )
    for secret in (
        proof.token,
        proof.code,
        token_in(mailoutbox[0]),
        code_in(mailoutbox[0], alice),
        NEW,
    ):
        assert secret not in stored
        assert secret not in caplog.text
    assert proof.reset.token_digest in stored


def test_a_proof_does_not_show_its_secrets(proof):
    for shown in (repr(proof), str(proof), f"{proof}", repr(proof.reset), str(proof.reset)):
        assert proof.token not in shown
        assert proof.code not in shown


def test_the_same_code_of_two_accounts_has_two_digests(alice, bob):
    assert passwords._code_digest(alice.uuid, "abcdefgh") != passwords._code_digest(
        bob.uuid, "abcdefgh"
    )


def test_tokens_and_codes_are_of_chance(alice):
    proofs = []
    for _ in range(50):
        an_hour_passes()
        proofs.append(passwords.make_reset(alice))
    assert len({proof.token for proof in proofs}) == len({proof.code for proof in proofs}) == 50
    assert {len(proof.token) for proof in proofs} == {43}
    assert {len(proof.code) for proof in proofs} == {8}
    assert {letter for proof in proofs for letter in proof.code} <= set(passwords.CODE_LETTERS)
