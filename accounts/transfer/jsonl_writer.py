"""JSON Lines: one JSON value on each line."""

import json
from typing import Any


def jsonl_line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False) + "\n"
