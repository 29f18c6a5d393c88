"""The examples of docs/clients: commands with curl, each with the answer that is printed below.

Two forms are read, in the order of the page:

- a block ``sh``, and the block ``http`` that may follow it with status, some headers and the body;
- a row of a table: why a request is refused, what follows ``curl -si``, the status, the body.

In printed answers ``…`` stands for any text, and a time, an id or an origin for others of its kind.
"""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

PARTS = re.compile(
    r"^```sh\n(?P<command>.*?)^```\n(?:\n*^```http\n(?P<answer>.*?)^```\n)?"
    r"|^\| (?P<why>[^|\n]+) \| `(?P<arguments>curl [^|\n]+)` \| (?P<status>\d+)"
    r" \| (?:`(?P<body>[^|\n]+)`|none) \|$",
    re.MULTILINE | re.DOTALL,
)
VARIES = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
    r"|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
    r"|key_[0-9A-Za-z]{8}"
    r"|https?://[\w.:-]+"
)
SETTING = re.compile(r"`([A-Z_]+)=(true|false)`")


class Answer(NamedTuple):
    """A response as a server sent it, or as a page prints it."""

    status: int
    headers: list[str]
    body: Any

    @classmethod
    def read(cls, text: str) -> "Answer":
        head, _, body = text.replace("\r", "").partition("\n\n")
        first, *headers = re.sub(r":[ ]+", ": ", head.strip()).split("\n")
        return cls(int(first.split()[1]), headers, json.loads(body) if body.strip() else None)


class Example(NamedTuple):
    """A command, the answer that the page prints (or None), and settings that it is run under."""

    command: str
    printed: Answer | None
    settings: dict[str, bool]


def examples(page: str) -> Iterator[Example]:
    """Return the examples of a page in their order."""
    for part in PARTS.finditer(page):
        if part["command"]:
            yield Example(
                part["command"], Answer.read(part["answer"]) if part["answer"] else None, {}
            )
        else:
            printed = Answer(int(part["status"]), [], part["body"] and json.loads(part["body"]))
            settings = {name: value == "true" for name, value in SETTING.findall(part["why"])}
            yield Example(part["arguments"].replace("curl ", "curl -si ", 1), printed, settings)


@dataclass
class Shell:
    """A reader's shell, in ``folder``. A field of an answer becomes a variable of the same name."""

    folder: Path
    variables: dict[str, str] = field(default_factory=dict)

    def run(self, command: str) -> str:
        """Return what a command printed, and keep the variables that it set."""
        done = subprocess.run(
            ["sh", "-eac", f"{command}\nenv -0 >variables"],
            cwd=self.folder,
            env={"PATH": os.environ["PATH"]} | self.variables,
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        pairs = (self.folder / "variables").read_text().split("\0")
        self.variables = dict(pair.split("=", 1) for pair in pairs if pair)
        return done.stdout

    def answer(self, command: str) -> Answer:
        """Run a command with ``curl -si`` and read what the server answered."""
        answered = Answer.read(self.run(command))
        if isinstance(answered.body, dict):
            self.variables |= {name: text_of(value) for name, value in answered.body.items()}
        return answered


def text_of(value: Any) -> str:
    """A field as a variable: the text itself, or the token in the objects of ``form``."""
    return str(value.get("token", "") if isinstance(value, dict) else value)


def differences(printed: Answer, answered: Answer) -> list[str]:
    """Say in which points an answer is not what the page prints."""
    found = []
    if printed.status != answered.status:
        found.append(f"status {answered.status} and not {printed.status}")
    for header in printed.headers:
        if not any(alike(header, other) for other in answered.headers):
            found.append(f"no header like {header!r} in {answered.headers}")
    if not alike(printed.body, answered.body):
        found.append(f"body {json.dumps(answered.body)} and not {json.dumps(printed.body)}")
    return found


def alike(printed: Any, answered: Any) -> bool:
    """Whether an answer is what is printed, but for times, ids and what ``…`` stands for."""
    if isinstance(printed, dict) and isinstance(answered, dict):
        return list(printed) == list(answered) and all(
            alike(printed[name], answered[name]) or is_id(name, printed[name], answered[name])
            for name in printed
        )
    if isinstance(printed, list) and isinstance(answered, list):
        return len(printed) == len(answered) and all(map(alike, printed, answered))
    if isinstance(printed, str) and isinstance(answered, str):
        return re.fullmatch(pattern(printed), answered, re.DOTALL) is not None
    return type(printed) is type(answered) and bool(printed == answered)


def is_id(name: str, printed: Any, answered: Any) -> bool:
    """Whether a number is one that each account or each second has for itself."""
    return name in ("id", "iat", "exp") and type(printed) is type(answered) is int


def pattern(printed: str) -> str:
    """The regular expression of the texts that a printed one stands for."""
    fixed = (re.escape(part).replace("…", ".+") for part in VARIES.split(printed))
    return f"(?:{VARIES.pattern})".join(fixed)
