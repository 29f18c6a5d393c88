"""Fixtures that read settings from an environment, in this process or in one of their own."""

import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured

from authsvc.contracts import registry
from authsvc.contracts.contract_settings import DECLARED

ROOT = Path(__file__).resolve().parents[2]
PRODUCTION = {
    "PUBLIC_URL": "https://auth.example.com",
    "SECRET_KEY": "hPkmgBXJb2mX9zuKm3d5WcWCQH7kR0nVtFq1yEoL4sAxZi8u6TjD",
    "TRUSTED_PROXIES": "1",
}


@pytest.fixture
def read(tmp_path, monkeypatch):
    """Return a function that reads all settings from an environment of its own."""

    def settings(**environment):
        with monkeypatch.context() as patch:
            for name in os.environ.keys() - {"PATH"}:
                patch.delenv(name)
            for name, value in ({"DATA_DIR": str(tmp_path)} | environment).items():
                patch.setenv(name, value)
            read = runpy.run_path(str(ROOT / "authsvc" / "settings.py"))
            registry.find(read["CONTRACTS"])
            return read | {name: setting.read() for name, setting in DECLARED.items()}

    return settings


@pytest.fixture
def refused(read):
    """Return a function that returns the message that stops a start; it shows no secret."""

    def sentence(**environment):
        with pytest.raises(ImproperlyConfigured) as stopped:
            read(**environment)
        assert "\n" not in str(stopped.value)
        assert "hunter2" not in str(stopped.value)
        return str(stopped.value)

    return sentence


@pytest.fixture
def checked(read, settings):
    """Return a function that returns the messages of all checks, by id."""

    def messages(**environment):
        for name, value in read(**environment).items():
            if name.isupper() and name != "DATABASES" and value != getattr(settings, name, None):
                setattr(settings, name, value)
        found = run_checks(include_deployment_checks=True)
        return {message.id: message.msg for message in found if not message.is_silenced()}

    return messages


@pytest.fixture
def run(tmp_path):
    """Return a function that runs a command in an environment of its own."""

    def command(*arguments, **environment):
        surroundings = {
            "PATH": os.environ["PATH"],
            "DATA_DIR": str(tmp_path),
            "DJANGO_SETTINGS_MODULE": "authsvc.settings",
        }
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=ROOT,
            env=surroundings | environment,
            capture_output=True,
            text=True,
            check=False,
        )

    return command
