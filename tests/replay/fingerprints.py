"""The fingerprint of all code that a workflow replays; `python -m tests.replay.fingerprints` accepts a change."""

from __future__ import annotations

import ast
import hashlib
import json
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
KEPT = Path(__file__).with_name("fingerprints.json")
REPLAYED = (
    *(
        "workflows/alert.py",
        "workflows/channel.py",
        "workflows/fan_out.py",
        "workflows/calls.py",
        "workflows/ports.py",
        "workflows/messages.py",
    ),
    *("alerts/state.py", "alerts/judge.py", "alerts/clockwork.py", "alerts/refresh.py", "alerts/command.py"),
    *("alerts/public.py", "alerts/programme.py", "alerts/case.py", "alerts/edition.py", "alerts/view.py"),
)
"""Files whose code runs inside a workflow. Comments, docstrings and layout do not count."""


def fingerprint(path: Path) -> str:
    tree = ast.parse(path.read_text("utf-8"))
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [part for part in body if not _is_text(part)]  # type: ignore[attr-defined]
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()[:16]


def fingerprints() -> dict[str, str]:
    return {name: fingerprint(ROOT / name) for name in REPLAYED}


def kept() -> dict[str, str]:
    found: dict[str, str] = json.loads(KEPT.read_text("utf-8"))
    return found


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


if __name__ == "__main__":
    KEPT.write_text(json.dumps(fingerprints(), indent=1) + "\n", "utf-8")
    print(f"accepted: {KEPT.name}")
