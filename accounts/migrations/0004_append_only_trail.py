"""Events are added, and that is all: the database itself refuses the rest, on SQLite as on PostgreSQL.

What it lets through: a person who is erased from an event, and the deletion of an event that is older than ninety days.
"""

from typing import Any

from django.conf import settings
from django.db import migrations, models

TABLE = "accounts_auditevent"
REFUSAL = "the audit trail is append-only"
# Also what remains when an account is deleted. The stand-ins are those of accounts/audit/audit_log.py.
ERASURE = """
        new.id {same} old.id AND new.at {same} old.at AND new.kind {same} old.kind AND new.session {same} old.session
        AND new.contract {same} old.contract AND new.request_id {same} old.request_id
        AND (new.user_id {same} old.user_id OR new.user_id IS NULL)
        AND (new.actor_id {same} old.actor_id OR new.actor_id IS NULL)
        AND (new.address {same} old.address OR new.address IS NULL)
        AND (new.name {same} old.name OR substr(new.name, 1, 7) = 'erased-')
        AND (new.reason {same} old.reason OR new.reason = 'erased')"""

SQLITE = [
    f"""CREATE TRIGGER {TABLE}_update BEFORE UPDATE ON {TABLE} WHEN NOT ({ERASURE.format(same="IS")})
        BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END""",
    f"""CREATE TRIGGER {TABLE}_delete BEFORE DELETE ON {TABLE} WHEN old.at > datetime('now', '-90 days')
        BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END""",
    # INSERT OR REPLACE deletes without a word to the trigger above.
    f"""CREATE TRIGGER {TABLE}_insert BEFORE INSERT ON {TABLE} WHEN EXISTS (SELECT 1 FROM {TABLE} WHERE id = new.id)
        BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END""",
]
POSTGRESQL = [
    f"""CREATE FUNCTION {TABLE}_refuse() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION '{REFUSAL}' USING ERRCODE = 'integrity_constraint_violation'; END $$""",
    f"""CREATE TRIGGER {TABLE}_update BEFORE UPDATE ON {TABLE} FOR EACH ROW
        WHEN (NOT ({ERASURE.format(same="IS NOT DISTINCT FROM")})) EXECUTE FUNCTION {TABLE}_refuse()""",
    f"""CREATE TRIGGER {TABLE}_delete BEFORE DELETE ON {TABLE} FOR EACH ROW
        WHEN (old.at > now() - interval '90 days') EXECUTE FUNCTION {TABLE}_refuse()""",
    f"CREATE TRIGGER {TABLE}_truncate BEFORE TRUNCATE ON {TABLE} FOR EACH STATEMENT EXECUTE FUNCTION {TABLE}_refuse()",
]


def lay(apps: Any, schema_editor: Any) -> None:
    """Make the database refuse."""
    for statement in POSTGRESQL if schema_editor.connection.vendor == "postgresql" else SQLITE:
        schema_editor.execute(statement, params=None)


def lift(apps: Any, schema_editor: Any) -> None:
    """Let everything through again."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(f"DROP FUNCTION {TABLE}_refuse() CASCADE")
    else:
        for name in ("update", "delete", "insert"):
            schema_editor.execute(f"DROP TRIGGER {TABLE}_{name}")


class Migration(migrations.Migration):
    dependencies = [("accounts", "0003_search")]
    operations = [
        migrations.AlterField(
            model_name="auditevent",
            name="kind",
            field=models.CharField(
                choices=[
                    ("login", "Login"),
                    ("login_failed", "Login refused"),
                    ("throttled", "Throttled"),
                    ("refresh_failed", "Refresh refused"),
                    ("refresh_reused", "Spent refresh token used again"),
                    ("logout", "Logout"),
                    ("revoke", "Token revoked"),
                    ("sessions_ended", "Sessions ended by an operator"),
                    ("account_changed", "Account changed by an operator"),
                    ("reset_asked", "Password reset asked for"),
                    ("reset_failed", "Password reset refused"),
                    ("password_changed", "Password changed"),
                    ("key_created", "API key created"),
                    ("key_rotated", "API key rotated"),
                    ("key_deleted", "API key ended"),
                    ("key_leaked", "API key reported as leaked"),
                    ("key_used_from_new_address", "API key used from a new address"),
                    ("credentials_viewed", "Provider credentials looked at"),
                    ("credentials_refused", "Provider credentials refused"),
                    ("credentials_changed", "Provider credentials changed"),
                    ("credentials_deleted", "Provider credentials deleted"),
                    ("invited", "Invited by an operator"),
                    ("reset_sent", "Reset mail sent by an operator"),
                    ("temporary_password", "Temporary password given by an operator"),
                    ("change_forced", "Password change demanded by an operator"),
                    ("unlocked", "Unlocked by an operator"),
                    ("deactivated", "Deactivated by an operator"),
                    ("reactivated", "Reactivated by an operator"),
                    ("role_changed", "Role changed by an operator"),
                    ("keys_ended", "API keys ended by an operator"),
                    ("act_refused", "Act of an operator refused"),
                    ("imported", "Accounts imported"),
                    ("exported", "Accounts or events exported"),
                    ("person_exported", "Data of one person exported"),
                    ("erased", "Person erased"),
                    ("mail_sent_again", "Mail sent again by an operator"),
                    ("signing_key_rotated", "Signing key rotated"),
                    ("signing_key_retired", "Signing key retired before its time"),
                ],
                max_length=30,
            ),
        ),
        migrations.AlterField(
            model_name="auditevent",
            name="actor",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AlterField(
            model_name="auditevent",
            name="user",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddIndex(
            model_name="auditevent",
            index=models.Index(fields=["kind", "at"], name="accounts_au_kind_07dce3_idx"),
        ),
        migrations.AddIndex(
            model_name="auditevent",
            index=models.Index(fields=["address", "at"], name="accounts_au_address_301434_idx"),
        ),
        migrations.AddIndex(
            model_name="auditevent",
            index=models.Index(
                condition=models.Q(("actor__isnull", False)),
                fields=["actor", "at"],
                name="event_of_operator",
            ),
        ),
        migrations.AddIndex(
            model_name="auditevent",
            index=models.Index(
                condition=models.Q(("user", None)),
                fields=["name", "at"],
                name="event_of_typed_name",
            ),
        ),
        migrations.RunPython(lay, lift, elidable=False),
    ]
