"""A backend of your own in a description: a class with its keys and a `load`, made known to this process.

A package that others install says the same in its pyproject.toml, and nobody has to call `register`:

    [project.entry-points."ecology.backends"]
    lookup = "my_package:LookupBackend"
"""

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Literal

import ecology as eco
from ecology.backends import Backend, register


@register
class LookupBackend(Backend):
    """Answers from a table in a JSON file: the first entry whose key is in the question."""

    FILES: ClassVar[tuple[str, ...]] = ("table",)

    kind: Literal["lookup"]
    table: str
    otherwise: str = "unknown"

    def load(self, root: Path) -> Callable[[Any], eco.Reply]:
        entries: dict[str, str] = json.loads((root / self.table).read_text("utf-8"))

        def look_up(question: str) -> eco.Reply:
            for key, answer in entries.items():
                if key in question.lower():
                    return eco.Reply(answer, confidence=0.95)
            return eco.Reply(self.otherwise, confidence=0.05)

        return look_up


DESCRIPTION = """
[[models]]
name = "faq"
timeout_ms = 50
backend = { kind = "lookup", table = "faq.json", otherwise = "ask a person" }
"""

with tempfile.TemporaryDirectory() as folder:
    Path(folder, "faq.json").write_text(json.dumps({"refund": "five days", "card": "in the post"}), "utf-8")
    Path(folder, "ecology.toml").write_text(DESCRIPTION, "utf-8")
    with eco.Ecology.open(folder) as ecology:
        for question in ("Where is my card?", "How long does a refund take?", "Who are you?"):
            answer = ecology.answer(question)
            print(f"{question} → {answer.output}  ({answer.confidence:.2f})")
