"""Dialogues for tests, written in a few words."""

import json
from pathlib import Path
from typing import Any

from evals.dialogue_rows import Dialogue, dialogues


def turns(*each: tuple[str, str, str, str]) -> list[dict[str, Any]]:
    return [dict(zip(("sender", "role", "text", "at"), one, strict=True)) for one in each]


def file_of(folder: Path, *rows: dict[str, Any]) -> Path:
    path = folder / "dialogues.jsonl"
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    return path


def dialogue(folder: Path, said: list[dict[str, Any]], *checks: dict[str, Any], **values: Any) -> Dialogue:
    return dialogues(file_of(folder, {"id": "d", "turns": said, "checks": checks, **values}))[0]
