"""The printed examples run against a stand-in for the provider."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any, NamedTuple

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from apikeys.providers import MaskedCredential

KEY_ID, REGION = "AKIAIOSFODNN7EXAMPLE", "eu-north-1"
SECRETS = {
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
    "NVIDIA_API_KEY": "nvapi-0123456789abcdefghijklmnopqr",
}
AWS, NVIDIA = (
    MaskedCredential("aws", "*" * 36, KEY_ID, REGION),
    MaskedCredential("nvidia", "*" * 44),
)
NEEDS = {"curl": "curl", "node": "node", "node module": "node", "python": sys.executable}
each_language = pytest.mark.parametrize("language", NEEDS)


class Received(NamedTuple):
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class StandIn(HTTPServer):
    """A stand-in for a provider that accepts or refuses requests."""

    answer = 200, b'{"said": "hello"}'

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.received: list[Received] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: StandIn

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received.append(
            Received(
                self.command,
                self.path,
                {name.lower(): value for name, value in self.headers.items()},
                body,
            )
        )
        status, content = self.server.answer
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments: Any) -> None:
        pass


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    with StandIn() as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def run(tmp_path, stand_in):
    """Run an example as a user would, with nothing but the secret in the environment."""

    def example(
        credentials: MaskedCredential, language: str, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        if not shutil.which(NEEDS[language]):
            assert not os.environ.get("CI"), (
                f"{NEEDS[language]} has to be there where nothing is skipped"
            )
            pytest.skip(f"{NEEDS[language]} is not installed")
        printed = getattr(credentials, language.split()[0])
        assert credentials.endpoint in printed
        file = (
            tmp_path
            / {
                "curl": "example.sh",
                "node": "example.js",
                "node module": "example.mjs",
                "python": "example.py",
            }[language]
        )
        file.write_text(
            printed.replace(
                credentials.endpoint,
                stand_in.url + credentials.endpoint.removeprefix(credentials.base_url),
            )
        )
        command = ["sh" if language == "curl" else NEEDS[language], str(file)]
        surroundings = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)} | (
            environment or SECRETS
        )
        return subprocess.run(
            command, env=surroundings, capture_output=True, text=True, check=False, timeout=60
        )

    return example


def signature(received: Received) -> str:
    """Return the Signature Version 4 that botocore makes for the request that arrived."""
    signed = received.headers["authorization"].split("SignedHeaders=")[1].split(",")[0].split(";")
    url = f"http://{received.headers['host']}{received.path}"
    request = AWSRequest(
        received.method, url, {name: received.headers[name] for name in signed}, received.body
    )
    request.context["timestamp"] = received.headers["x-amz-date"]
    signer = SigV4Auth(Credentials(KEY_ID, SECRETS["AWS_SECRET_ACCESS_KEY"]), "bedrock", REGION)
    return str(
        signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)
    )


@each_language
def test_aws(run, stand_in, language):
    done = run(AWS, language)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, '{"said": "hello"}', "")
    (received,) = stand_in.received
    assert (received.method, received.path) == (
        "POST",
        "/model/cohere.embed-multilingual-v3/invoke",
    )
    assert received.headers["content-type"] == "application/json"
    assert json.loads(received.body) == {"texts": ["Hello"], "input_type": "search_query"}
    algorithm, _, rest = received.headers["authorization"].partition(" ")
    parts = dict(part.strip().split("=", 1) for part in rest.split(","))
    assert algorithm == "AWS4-HMAC-SHA256"
    assert (
        parts["Credential"]
        == f"{KEY_ID}/{received.headers['x-amz-date'][:8]}/{REGION}/bedrock/aws4_request"
    )
    assert {"content-type", "host", "x-amz-date"} <= {*parts["SignedHeaders"].split(";")}
    assert parts["Signature"] == signature(received)


@each_language
def test_nvidia(run, stand_in, language):
    done = run(NVIDIA, language)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, '{"said": "hello"}', "")
    (received,) = stand_in.received
    body = json.loads(received.body)
    assert (received.method, received.path) == ("POST", "/v1/chat/completions")
    assert received.headers["content-type"] == "application/json"
    assert received.headers["authorization"] == f"Bearer {SECRETS['NVIDIA_API_KEY']}"
    assert (body["messages"], body["max_tokens"]) == ([{"role": "user", "content": "Hello"}], 64)
    assert body["model"]


@each_language
@pytest.mark.parametrize("credentials", [AWS, NVIDIA], ids=["aws", "nvidia"])
def test_a_refusal_of_the_provider_is_shown_with_its_reason(run, stand_in, credentials, language):
    stand_in.answer = 403, b'{"message": "not yours"}'
    done = run(credentials, language)
    assert done.returncode != 0
    assert '{"message": "not yours"}' in done.stdout + done.stderr
    assert [secret for secret in SECRETS.values() if secret in done.stdout + done.stderr] == []


@pytest.mark.parametrize("language", ["node", "python"])
@pytest.mark.parametrize(
    ("credentials", "name"),
    [(AWS, "AWS_SECRET_ACCESS_KEY"), (NVIDIA, "NVIDIA_API_KEY")],
    ids=["aws", "nvidia"],
)
def test_without_its_secret_an_example_says_what_is_missing(
    run, stand_in, credentials, name, language
):
    done = run(credentials, language, LANG="C")
    assert done.returncode != 0
    assert name in done.stderr
    assert stand_in.received == []


def test_no_placeholder_is_left():
    for credentials in (AWS, NVIDIA):
        for printed in (credentials.curl, credentials.node, credentials.python):
            assert not {"<endpoint>", "<region>", "<key id>"} & {
                f"<{part.split('>')[0]}>" for part in printed.split("<")[1:]
            }
