"""Migration of the stored reasons for which keys ended, from sentences to codes."""

from importlib import import_module

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from apikeys.admin.keys import state
from apikeys.end_reasons import EndReason, text
from apikeys.keys import export_owner_data
from apikeys.models import APIKey

pytestmark = [pytest.mark.django_db, pytest.mark.own_sql]
migration = import_module("apikeys.migrations.0003_end_reasons")
STORED = {
    "deleted by its owner": "deleted",
    "reported as leaked": "leaked",
    "account deactivated": "owner_deactivated",
    "ended by an operator": "ended_by_operator",
    "": "",
    "of another release": "of another release",
}


@pytest.fixture
def apps():
    """The models as the migration knows them."""
    loader = MigrationExecutor(connection).loader
    return loader.project_state(("apikeys", "0003_end_reasons")).apps


def ends():
    return dict(APIKey.objects.values_list("name", "ended_reason"))


def test_every_stored_sentence_becomes_a_code_and_back(monkeypatch, alice, apps):
    monkeypatch.setattr(migration, "BATCH", 2)
    for sentence in STORED:
        key, _ = APIKey.objects.issue(alice.pk, sentence or "live")
        APIKey.objects.filter(pk=key.pk).update(ended_reason=sentence)
    before = ends()
    for _ in range(2):  # whatever stopped it, it can be run again
        migration.replace(migration.CODES)(apps, connection.schema_editor())
    assert ends() == {sentence or "live": code for sentence, code in STORED.items()}
    migration.replace(migration.SENTENCES)(apps, connection.schema_editor())
    assert ends() == before


def test_the_codes_are_still_known_and_read_as_the_sentences_did():
    assert {words: text(code) for words, code in migration.CODES.items()} == {
        words: words for words in migration.CODES
    }
    assert set(migration.SENTENCES) <= set(EndReason)


def test_an_ended_key_has_a_code_for_its_owners_data_and_a_sentence_for_operators(alice):
    key, _ = APIKey.objects.issue(alice.pk)
    APIKey.objects.filter(pk=key.pk).end(EndReason.LEAKED)
    key.refresh_from_db()
    assert export_owner_data(alice)[0]["ended_why"] == "leaked"
    assert state(key).text == "Ended: reported as leaked"
