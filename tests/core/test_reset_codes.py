"""Codes of password resets: few wrong ones are allowed, and none works for another account."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from django.db import connection, transaction

from accounts import password_reset
from accounts.errors import (
    InvalidCode,
)
from accounts.models import PasswordReset, User
from tests.concurrency import at_once
from tests.core.resets import (
    NEW,
    WRONG,
    an_hour_passes,
    by_code,
    by_token,
    crowded,
    guess,
    kinds,
    refuses,
)

pytestmark = pytest.mark.django_db


def test_five_wrong_codes_end_the_code_and_never_the_link(alice, reset_secrets):
    """Any client can send wrong codes for Alice; she still gets in by the link of her mail."""
    for _ in range(5):
        guess()
    guess(code=reset_secrets.code)
    assert password_reset.find(reset_secrets.token) == reset_secrets.reset
    assert by_token(reset_secrets) == alice


def test_a_link_whose_code_has_ended_is_replaced_by_the_next_mail(alice, reset_secrets):
    for _ in range(5):
        guess()
    password_reset.void_earlier(password_reset.make(alice).reset)
    refuses(by_token, reset_secrets)


def test_four_wrong_codes_do_not(alice, reset_secrets):
    for _ in range(4):
        guess()
    assert by_code(reset_secrets) == alice


def test_a_new_mail_has_five_tries_of_its_own(alice, mailoutbox, reset_secrets):
    for _ in range(5):
        guess()
    fresh = password_reset.make(alice)
    password_reset.void_earlier(fresh.reset)
    assert by_code(fresh) == alice


@crowded
def test_twelve_wrong_codes_at_once_end_the_code(alice, reset_secrets):
    answers = at_once(*[lambda: password_reset.use_code("alice", WRONG, NEW)] * 12)
    assert {type(answer) for answer in answers} == {InvalidCode}
    assert PasswordReset.objects.get().wrong_tries == 5
    guess(code=reset_secrets.code)


@crowded
def test_right_and_wrong_codes_at_once(alice):
    """Each wrong code is counted; one right code is accepted, or none after five wrong ones."""
    wrong = partial(password_reset.use_code, "alice", WRONG, NEW)
    for number in range(6):
        an_hour_passes()
        reset_secrets = password_reset.make(alice)
        right = [partial(by_code, reset_secrets, f"{NEW}, {number} {which}") for which in range(2)]
        answers = at_once(*[wrong] * number, *right, *[wrong] * (6 - number))
        reset = PasswordReset.objects.get(pk=reset_secrets.reset.pk)
        taken = [answer for answer in answers if answer == alice]
        assert len(taken) == (reset.used_at is not None)
        assert len(taken) == 1 or reset.wrong_tries == 5
        assert {type(answer) for answer in answers if answer not in taken} == {InvalidCode}


@pytest.mark.postgresql
@crowded
def test_a_right_code_waits_for_the_wrong_ones_before_it(alice, reset_secrets):
    """The right code comes while the fifth wrong one is counted, and waits for that count."""
    PasswordReset.objects.update(wrong_tries=4)
    with ThreadPoolExecutor(1) as other:
        with transaction.atomic():
            User.objects.lock_row(alice.pk)
            answer = other.submit(at_once, partial(by_code, reset_secrets))
            while not waiting_for_a_lock():
                assert not answer.done()
            PasswordReset.objects.update(wrong_tries=5)
        assert kinds(answer.result()) == {InvalidCode: 1}


def waiting_for_a_lock():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        return cursor.fetchone()[0]


def test_the_code_of_one_is_none_of_another(alice, bob, reset_secrets):
    his = password_reset.make(bob)
    guess("bob", reset_secrets.code)
    guess("alice", his.code)
    guess("nobody", reset_secrets.code)
    assert by_code(reset_secrets) == alice
    assert by_code(his, username="Bob@Example.com") == bob


def test_a_code_in_other_letters_is_another(alice, reset_secrets):
    for alike in {
        reset_secrets.code.swapcase(),
        reset_secrets.code[:-1],
        reset_secrets.code + "2",
        f"{reset_secrets.code[:4]} {reset_secrets.code[4:]}",
    } - {reset_secrets.code}:
        guess(code=alike)
    assert by_code(reset_secrets) == alice


@pytest.mark.parametrize("typed", [" ALICE ", "Alice@Example.com", "ａｌｉｃｅ"])
def test_a_code_with_the_name_typed_in_another_way(alice, reset_secrets, typed):
    assert by_code(reset_secrets, username=typed) == alice
