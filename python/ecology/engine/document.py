"""A TOML text as a document of tables, or what is wrong with the text.

A description comes from a person or a program, so size and depth are bounded here, once: after this, numbers fit
64 bits as TOML says, nothing is nested deeper than `DEPTH`, and every string can be encoded.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from ..errors import InvalidPopulation, Violation
from .place import Loc, place

__all__ = ["DEPTH", "parse_toml", "read_text"]

DEPTH = 32
SECRET = re.compile(r"(api_?key\W*).*|(?<=://)[^/\s]*(?=@)", re.IGNORECASE)  # messages are logged
WHERE = re.compile(r"\s*\(at (?:line (\d+), column (\d+)|end of document)\)$")


def read_text(path: Path) -> str:
    """The text of a description's file.

    Raises:
        InvalidPopulation: it is absent, cannot be read, or is not UTF-8.
    """
    source = str(path)
    try:
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError as error:
        absent = Violation(source, "there is no such file", "`ecology init` writes one; or set ECOLOGY_FILE")
        raise InvalidPopulation(source, [absent]) from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        text = Violation(f"line {line}", f"byte {error.start} is not UTF-8", "save the file as UTF-8")
        raise InvalidPopulation(source, [text]) from error
    except (OSError, ValueError) as error:  # ValueError: a path that holds a NUL byte
        reason = getattr(error, "strerror", None) or str(error)
        raise InvalidPopulation(source, [Violation(source, f"it cannot be read: {reason}")]) from error


def parse_toml(text: str, source: str) -> dict[str, Any]:
    """The tables of a TOML text.

    Raises:
        InvalidPopulation: a syntax error with its line and column, or a value that no description needs.
    """
    try:
        text.encode()
        document = tomllib.loads(text)
    except UnicodeEncodeError as error:
        line = text.count("\n", 0, error.start) + 1
        column = error.start - (text.rfind("\n", 0, error.start) + 1) + 1
        problem = "half of a surrogate pair is not a character"
        raise InvalidPopulation(source, [Violation(_line(line, column), problem, "remove it")]) from error
    except RecursionError as error:
        deep = Violation("file", "it is nested too deeply to be read", f"nest at most {DEPTH} levels")
        raise InvalidPopulation(source, [deep]) from error
    except ValueError as error:  # TOMLDecodeError, and an integer of thousands of digits
        raise InvalidPopulation(source, [_syntax(str(error), text)]) from error
    violations = _bounds(document)
    if violations:
        raise InvalidPopulation(source, violations)
    return document


def _syntax(message: str, text: str) -> Violation:
    found = WHERE.search(message)
    if found is None:
        return Violation("file", message, "write it as TOML")
    lines = text.splitlines() or [""]
    line, column = (int(found[1]), int(found[2])) if found[1] else (len(lines), len(lines[-1]) + 1)
    shown = SECRET.sub(r"\1…", lines[min(line, len(lines)) - 1].strip())[:80]
    problem = message[: found.start()]
    return Violation(_line(line, column), problem[:1].lower() + problem[1:], f"the line reads: {shown}")


def _line(line: int, column: int) -> str:
    return f"line {line}, column {column}"


def _bounds(document: dict[str, Any]) -> list[Violation]:
    violations: list[Violation] = []
    nodes: list[tuple[Loc, Any]] = [((), document)]
    while nodes:  # a loop, since dotted keys nest as deeply as a line is long
        loc, node = nodes.pop()
        if isinstance(node, dict | list) and len(loc) >= DEPTH:
            where = place(loc[:4], document) + "…"
            violations.append(Violation(where, f"it is nested deeper than {DEPTH} levels", "flatten it"))
        elif isinstance(node, dict):
            nodes.extend(((*loc, key), value) for key, value in reversed(node.items()))
        elif isinstance(node, list):
            nodes.extend(((*loc, index), node[index]) for index in reversed(range(len(node))))
        elif isinstance(node, int) and not -(2**63) <= node < 2**63:
            fix = "write one between -9223372036854775808 and 9223372036854775807"
            violations.append(Violation(place(loc, document), "the integer does not fit 64 bits", fix))
    return violations
