"""Contracts of other packages, named by CONTRACTS: served like ours, or refused with a sentence."""

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.urls import URLPattern, URLResolver, include, path

from accounts import policy, request_context
from accounts.api.contract import Contract
from accounts.policy import Policy
from authsvc import health, paths
from authsvc.contracts import BUILT_IN, registry, urls
from authsvc.contracts.contract_settings import DECLARED

ROOT = Path(__file__).resolve().parents[2]
SIXTH = """
from tests.contracts.somewhere.legacy import contract as legacy
from dataclasses import replace
contract = replace(legacy, policy=replace(legacy.policy, name="%s"), mount="%s")
urls = lambda contract: []
"""


@pytest.fixture
def other(tmp_path, monkeypatch):
    """Make a module of this content, and return its name."""
    names = iter(f"other_{count}_{tmp_path.name}" for count in range(9))

    def make(content):
        name = next(names)
        (tmp_path / f"{name}.py").write_text(content)
        return name

    monkeypatch.syspath_prepend(tmp_path)
    yield make
    for name in [name for name in sys.modules if name.endswith(tmp_path.name)]:
        del sys.modules[name]


def test_ours_come_first_and_those_of_others_behind_them():
    found = registry.find(["form", "tests.contracts.somewhere.legacy:contract"])
    assert [each.contract.name for each in found] == [*BUILT_IN, "legacy"]


def test_the_rest_of_the_service_knows_of_it():
    """The filters of the admin, the lifetimes of signing keys, and what is for programs."""
    assert "legacy" in policy.registered_names()
    assert "legacy" in policy.served_names()
    for name in ("introspection", "revocation"):
        assert name in policy.registered_names()
        assert name not in policy.served_names()  # it gives out no tokens
    assert paths.is_for_programs("/auth/v2/log_in")
    assert {"LEGACY_ACCESS_LIFETIME", "LEGACY_REFRESH_LIFETIME"} <= DECLARED.keys()


def test_the_longest_lifetime_of_any_token_is_a_year_or_more():
    assert policy.longest_lifetime() == timedelta(days=365)
    hour = timedelta(hours=1)
    assert Policy(name="sixth", access=hour, refresh=None).longest_lifetime == hour
    assert Policy(name="sixth", access=hour, refresh=2 * hour).longest_lifetime == 2 * hour


@pytest.mark.parametrize(
    ("name", "mount", "complaint"),
    [
        ("bearer", "auth/v3", "two have the name bearer"),
        ("sixth", "v1", "two have the mount v1"),
        ("sixth", "api/v1/auth", "two have the mount api/v1/auth"),
        ("admin", "auth/v3", "'admin' is not"),
        ("keys", "auth/v3", "'keys' is not"),
        ("introspection", "auth/v3", "'introspection' is not"),
        ("revocation", "auth/v3", "'revocation' is not"),
        ("a_name_of_21_letters_", "auth/v3", "at most 20 small letters"),
        ("Sixth", "auth/v3", "'Sixth' is not"),
        ("sixth-api", "auth/v3", "'sixth-api' is not"),
        ("sixth", "", "without slashes at its ends"),
        ("sixth", "/auth/v3", "without slashes at its ends"),
        ("sixth", "auth/v3/", "without slashes at its ends"),
        ("sixth", "auth//v3", "between single slashes"),
        ("sixth", "auth/<v>", "'auth/<v>' of sixth is none"),
        ("sixth", "auth v3", "'auth v3' of sixth is none"),
        ("sixth", "auth?v3", "of sixth is none"),
        ("sixth", "authé", "'authé' of sixth is none"),
        ("sixth", "auth/..", "'auth/..' of sixth is none"),
        ("sixth", "./auth", "'./auth' of sixth is none"),
        ("sixth", "v1/login", "v1/login of sixth is below v1 of challenge"),
        ("sixth", "api/v1/auth/sub", "api/v1/auth/sub of sixth is below api/v1/auth of bearer"),
        ("sixth", "api", "is below api of sixth"),
    ],
)
def test_a_name_or_a_mount_that_is_taken_stops_the_start(other, name, mount, complaint):
    with pytest.raises(ImproperlyConfigured, match=rf"^CONTRACTS must .*{complaint}"):
        registry.find([f"{other(SIXTH % (name, mount))}:contract"])


def test_no_contract_has_a_name_that_stands_in_place_of_one():
    assert set(request_context.other_entrances) <= registry.RESERVED_NAMES


@pytest.mark.parametrize(
    ("reference", "complaint"),
    [
        ("soap", "soap is none of them"),
        ("nowhere.legacy:contract", "No module named 'nowhere'"),
        ("authsvc.contracts.bearer:nothing", "bearer:nothing .* has no attribute nothing"),
        ("authsvc.contracts.bearer:urls", "bearer:urls is no accounts.api.contract.Contract"),
        ("authsvc.contracts.bearer:", "bearer: is no accounts.api.contract.Contract"),
        (":contract", ":contract is none of them"),
    ],
)
def test_a_reference_to_no_contract_stops_the_start(reference, complaint):
    with pytest.raises(ImproperlyConfigured, match=rf"^CONTRACTS must .*{complaint}"):
        registry.find([reference])


def test_a_module_without_paths_or_with_an_import_that_fails_stops_the_start(other):
    for mistaken in ("paths = lambda contract: []", "urls = []"):
        module = other(
            (SIXTH % ("sixth", "auth/v3")).replace("urls = lambda contract: []", mistaken)
        )
        with pytest.raises(ImproperlyConfigured, match="has no function urls"):
            registry.find([f"{module}:contract"])
    with pytest.raises(ImproperlyConfigured, match="No module named 'zeep'"):
        registry.find([f"{other('import zeep')}:contract"])
    with pytest.raises(ImproperlyConfigured, match="cannot import name 'soap'"):
        registry.find([f"{other('from authsvc.contracts import soap')}:contract"])


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("\ndef x(:", r"SyntaxError: invalid syntax \({file}, line 2\)"),
        ("\n\n1 / 0", r"ZeroDivisionError: division by zero \({file}, line 3\)"),
        ("import sys; sys.exit('bye')", r"SystemExit: bye \({file}, line 1\)"),
        ("import zeep", r"ModuleNotFoundError: No module named 'zeep' \({file}, line 1\)"),
        ("import re\nre.compile('(')", r"error: missing \), .* \({file}, line 2\)"),
        ("class A:\n    b = c", r"NameError: name 'c' is not defined \({file}, line 2\)"),
        (
            "from accounts.policy import Policy\nPolicy(name='a', accss=1)",
            r"TypeError: .* unexpected keyword argument 'accss' \({file}, line 2\)",
        ),
        (
            "from accounts.api.contract import Contract\nContract(policy=None)",
            r"TypeError: .* missing 2 required .* \({file}, line 2\)",
        ),
        (
            "from accounts import errors\nerrors.Nonsense",
            r"AttributeError: .* no attribute 'Nonsense' \({file}, line 2\)",
        ),
    ],
)
def test_an_import_that_raises_stops_the_start_with_its_file_and_line(
    other, tmp_path, content, complaint
):
    module = other(content)
    where = complaint.replace("{file}", str(tmp_path / f"{module}.py"))
    with pytest.raises(
        ImproperlyConfigured, match=f"^CONTRACTS must .*; {module}:contract cannot: {where}.$"
    ) as stopped:
        registry.find([f"{module}:contract"])
    assert stopped.value.__cause__ is not None
    assert "\n" not in str(stopped.value)


def test_a_module_that_is_not_there_has_no_place():
    with pytest.raises(ImproperlyConfigured, match=r"No module named 'nowhere'\.$"):
        registry.find(["nowhere:contract"])


def test_a_wrong_variable_of_the_environment_keeps_its_own_sentence(other, monkeypatch):
    monkeypatch.setenv("LEGACY_ACCESS_LIFETIME", "0")
    source = Path(ROOT, "tests/contracts/somewhere/legacy.py").read_text()
    with pytest.raises(
        ImproperlyConfigured, match=r"^LEGACY_ACCESS_LIFETIME must be a duration of more than noth"
    ):
        registry.find([f"{other(source)}:contract"])


@pytest.mark.parametrize("accepted", [{"nobody"}, {"bearer", "nobody"}])
def test_refresh_tokens_are_accepted_from_contracts_only(other, accepted):
    accepting = (
        "policy = replace(legacy.policy, name='sixth', "
        f"accepts_refresh_from=frozenset({accepted}))\n"
        "contract = replace(legacy, policy=policy, mount='auth/v3')\n"
    )
    module = other(f"{SIXTH % ('sixth', 'auth/v3')}{accepting}")
    with pytest.raises(ImproperlyConfigured, match=r"must name contracts, and nobody is none"):
        registry.find([f"{module}:contract"])


@pytest.mark.parametrize(
    "mount",
    [
        *("admin/api", "c/api", "static/api", "healthz", "keys/api"),
        *("auth/forward", "auth/forward/v2"),
    ],
)
def test_a_mount_below_a_path_of_ours_stops_the_start(mount):
    contract = Contract(
        policy=Policy(name="sixth", access=timedelta(hours=1), refresh=None),
        mount=mount,
        error_body=lambda error: {},
    )
    ours: list[URLPattern | URLResolver] = [
        path("admin/", health.readyz),
        path("healthz", health.healthz),
        path("", include([path("keys/new", health.healthz)])),
    ]
    with pytest.raises(ImproperlyConfigured, match=f"/{mount} of sixth is below a path of authsvc"):
        urls.check_collisions([registry.Registered(contract, lambda contract: [])], ours)


@pytest.mark.parametrize(
    ("contracts", "said"),
    [
        ("bearer,sixth_api:contract", "no issues"),
        ("bearer,seventh:contract", "authsvc cannot start: CONTRACTS must name contracts that"),
    ],
)
def test_a_start_with_a_contract_on_the_python_path(tmp_path, contracts, said):
    source = Path(ROOT, "tests/contracts/somewhere/legacy.py").read_text()
    (tmp_path / "sixth_api.py").write_text(source)
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(tmp_path),
        "DATA_DIR": str(tmp_path / "data"),
        "CONTRACTS": contracts,
    }
    command = [sys.executable, "manage.py", "check"]
    ended = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert said in ended.stdout + ended.stderr
    assert (ended.stdout + ended.stderr).strip().count("\n") == 0


def test_a_contract_that_is_switched_off_is_still_known_by_name(tmp_path):
    """Signing keys are kept for a year, however short the lifetimes are."""
    environment = {
        "PATH": os.environ["PATH"],
        "DATA_DIR": str(tmp_path),
        "DJANGO_SETTINGS_MODULE": "authsvc.settings",
        "CONTRACTS": "form",
        **{f"{name.upper()}_REFRESH_LIFETIME": "1d" for name in BUILT_IN},
    }
    code = (
        "import django; django.setup(); from accounts import policy; print("
        "*policy.served_names(), len(policy.registered_names()), policy.longest_lifetime().days)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.stdout.split() == ["form", str(len(BUILT_IN) + len(registry.ENDPOINTS)), "365"], (
        ended.stderr
    )
