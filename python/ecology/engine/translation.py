"""Turns what pydantic reports into plain sentences, each with what to write instead. The only place that does.

The translation is total: a kind of error without a sentence of its own gets a general one, and a test goes through
every kind that pydantic has.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel

from . import keys
from .place import Finding, Loc
from .suggestion import did_you_mean

__all__ = ["EXAMPLES", "show", "translate", "unsecret"]

EXAMPLES: Mapping[str, str] = {
    "alpha": "alpha = 0.02",
    "base_url": 'base_url = "http://127.0.0.1:8000/v1"',
    "backend": 'backend = { kind = "callable", target = "models:answer" }',
    "decision_confidence": "decision_confidence = 0.7",
    "kind": 'kind = "direct"',
    "leg_confidence": "leg_confidence = 0.8",
    "model": 'model = "the name that the server has for it"',
    "models": "[[models]] and below it the keys of one model; `ecology init` writes an example",
    "name": 'name = "small"',
    "path": 'path = "small.safetensors"',
    "prefer": 'prefer = "large"',
    "target": 'target = "models:answer"',
    "timeout_ms": "timeout_ms = 500",
    "usd_per_request": "usd_per_request = 0.001",
    "value": 'value = "sha256:" and 64 hexadecimal digits',
}
"""What to write for a key that is missing; a test holds that every mandatory key is here."""

PATTERNS: Mapping[str, str] = {
    "api_key": 'write "env:" and the name of a variable, or "file:" and a path; never the key itself',
    "base_url": 'write "http://host:port/v1" or "https://…", without a password',
    "name": "write lower-case letters, digits, '.', '_' and '-', beginning with a letter or digit, at most 64",
    "version": "write lower-case letters, digits, '.', '_' and '-', beginning with a letter or digit, at most 64",
    "target": 'write "package.module:function"',
    "value": 'write "sha256:" and 64 lower-case hexadecimal digits',
}

SECRET = frozenset({"api_key", "base_url"})
"""Where people write a key or a password by mistake: such a value is not repeated, since words end up in logs."""

OF_MANIFEST = "write max_output_tokens = 64, beside backend"
PARAMETERS = """temperature top_p top_k min_p stop seed tools tool_choice response_format logit_bias presence_penalty
frequency_penalty repetition_penalty dimensions encoding_format user guided_json chat_template_kwargs
reasoning_effort"""
PROTOCOL: Mapping[str, str] = {
    "max_tokens": OF_MANIFEST,
    "max_completion_tokens": OF_MANIFEST,
    "messages": "write system and template",
    "prompt": "write template",
    "logprobs": 'write confidence = "joint" or "mean"',
    "timeout": "write timeout_ms beside backend",
} | dict.fromkeys(PARAMETERS.split(), "")
"""What people write beside the keys of a served model because the protocol has it; nothing where it is a parameter."""

OTHER_WORDS: Mapping[str, str] = {"generalist": "fallback", "default": "fallback"}
"""What people write for a choice that has another name; by its letters "generalist" is nearest to specialist."""

NESTED_KEY = re.compile(r'("api_?key": )"(?:[^"\\]|\\.)*"')

Sentence = tuple[str, str]


def translate(error: Mapping[str, Any], model: type[BaseModel]) -> Finding:
    """The finding for one of `ValidationError.errors()`, `model` being what was read."""
    loc, expected = keys.clean(model, tuple(error["loc"]))
    error = {**error, "input": unsecret(_last(loc), error.get("input"))}
    kind: str = error["type"]
    if kind == "extra_forbidden":
        problem, fix = _unknown_key(tuple(error["loc"]), model)
    elif kind == "backend_kind":  # our own: `backends/kinds.py` knows what there is and how to get more
        problem, fix = str(error["ctx"]["problem"]), str(error["ctx"]["fix"])
        loc = (*loc, "kind")
    elif kind in ("union_tag_invalid", "union_tag_not_found"):
        problem, fix = _wrong_kind(error, expected)
        loc = (*loc, "kind")
    else:
        problem, fix = SENTENCES.get(kind, _general)(error, loc)
    return Finding(loc, problem, fix)


def unsecret(key: str, value: Any) -> Any:
    """A value as a message may show it: people put keys where a reference to one belongs, and messages are logged.

    >>> unsecret("api_key", "sk-123"), unsecret("base_url", "https://me:word@host/v1"), unsecret("tier", "big")
    ('…', 'https://…@host/v1', 'big')
    """
    if key == "api_key":
        return "…"
    if key == "base_url" and isinstance(value, str):
        return re.sub(r"^(\w+://)?.*@", r"\1…@", value, flags=re.DOTALL)
    return value


def show(value: Any) -> str:
    """A value as TOML has it, short.

    >>> show("a"), show(True), show([1, 2]), show("x" * 99)[-8:]
    ('"a"', 'true', '[1, 2]', 'xxxxxxx…')
    """
    try:
        text = json.dumps(value, ensure_ascii=False, default=str)
    except (TypeError, ValueError, RecursionError):
        text = type(value).__name__
    text = NESTED_KEY.sub(r'\1"…"', text)
    return text if len(text) <= 60 else text[:59] + "…"


def _unknown_key(path: Loc, model: type[BaseModel]) -> Sentence:
    key = str(path[-1])
    _, table = keys.clean(model, path[:-1])
    home = keys.home_of(key, model, path[:-1])
    if "parameters" in keys.fields(table) and key in PROTOCOL:
        home = PROTOCOL[key] or f"it belongs in parameters: write parameters = {{ {key} = … }}"
    return "there is no such key", home or did_you_mean(key, keys.fields(table), "known keys")


def _wrong_kind(error: Mapping[str, Any], expected: Any) -> Sentence:
    known = list(keys.kinds(expected)) or re.findall(r"'([^']*)'", str(error.get("ctx", {}).get("expected_tags")))
    if error["type"] == "union_tag_not_found":
        return "it is missing", f"write kind = {_one_of(known)}"
    tag = str(error.get("ctx", {}).get("tag", ""))
    return f"{show(tag)} is no kind of it", did_you_mean(tag, known)


def _missing(_error: Mapping[str, Any], loc: Loc) -> Sentence:
    key = str(loc[-1]) if loc else ""
    return "it is missing", f"write {EXAMPLES.get(key, f'{key} = …')}"


def _text(error: Mapping[str, Any], loc: Loc) -> Sentence:
    given = error.get("input")
    problem = f"{show(given)} is not text"
    if isinstance(given, int | float) and not isinstance(given, bool):
        return problem, f"put it in quotes: {_key(loc)}{show(str(given))}"
    return problem, f'write {_key(loc)}"…"'


def _pattern(error: Mapping[str, Any], loc: Loc) -> Sentence:
    pattern, key = error.get("ctx", {}).get("pattern", ""), _last(loc)
    given = "what is written there" if key in SECRET else show(error.get("input"))
    return f"{given} cannot stand here", PATTERNS.get(key, f"write text that fits {pattern}")


def _choice(error: Mapping[str, Any], _loc: Loc) -> Sentence:
    given = error.get("input")
    known = re.findall(r"'([^']*)'", str(error.get("ctx", {}).get("expected", "")))
    meant = OTHER_WORDS.get(str(given).lower())
    fix = f"did you mean {meant}?" if meant in known else did_you_mean(str(given), known, "write one of")
    return f"{show(given)} is not one of the choices", fix


def _whole(error: Mapping[str, Any], loc: Loc) -> Sentence:
    given = error.get("input")
    number = given if isinstance(given, float) and math.isfinite(given) else None
    if number is None and _last(loc) in EXAMPLES:
        return f"{show(given)} is not a whole number", f"write {EXAMPLES[_last(loc)]}"
    return f"{show(given)} is not a whole number", f"write {_key(loc)}{'1' if number is None else round(number)}"


def _number(error: Mapping[str, Any], loc: Loc) -> Sentence:
    return f"{show(error.get('input'))} is not a finite number", f"write a number, as in {_key(loc)}0.5"


def _boolean(error: Mapping[str, Any], loc: Loc) -> Sentence:
    return f"{show(error.get('input'))} is neither true nor false", f"write {_key(loc)}true or {_key(loc)}false"


def _bound(words: str, name: str, fix: str) -> Callable[[Mapping[str, Any], Loc], Sentence]:
    def sentence(error: Mapping[str, Any], _loc: Loc) -> Sentence:
        limit = error.get("ctx", {}).get(name)
        whole = isinstance(limit, float) and limit.is_integer() and abs(limit) < 1e16
        number = f"{limit:.0f}" if whole else str(limit)
        return f"{show(error.get('input'))} is {words} {number}", f"write {fix} {number}"

    return sentence


def _empty(error: Mapping[str, Any], loc: Loc) -> Sentence:
    least = error.get("ctx", {}).get("min_length", 1)
    what = 'text, as in "any"' if isinstance(error.get("input"), str) else f'at least {least}, as in {_key(loc)}["any"]'
    return "it is empty", f"write {what}; or leave the key out"


def _long(error: Mapping[str, Any], _loc: Loc) -> Sentence:
    most = error.get("ctx", {}).get("max_length")
    return f"{show(error.get('input'))} is too long", f"write at most {most}"


def _list(error: Mapping[str, Any], loc: Loc) -> Sentence:
    given = error.get("input")
    if loc == ("models",) and isinstance(given, dict):
        return "it is one table, not a list of them", "write [[models]], with two brackets, above each model"
    if loc == ("models",):
        return f"{show(given)} is not a list of models", f"write {EXAMPLES['models']}"
    if isinstance(given, str):
        return f"{show(given)} is not a list", f"put it in brackets: {_key(loc)}[{show(given)}]"
    return f"{show(given)} is not a list", f'write {_key(loc)}["…"]'


def _table(error: Mapping[str, Any], loc: Loc) -> Sentence:
    if loc[:1] == ("models",) and len(loc) == 2:
        return f"{show(error.get('input'))} is not a model", "write [[models]] and below it the keys of one model"
    return f"{show(error.get('input'))} is not a table", f"write {_key(loc)}{{ … }}"


def _own(error: Mapping[str, Any], loc: Loc) -> Sentence:
    """A validator of ours: it says the problem and, after a semicolon, what to write."""
    reason = str(error.get("ctx", {}).get("error", ""))
    if not reason:
        return _general(error, loc)
    problem, _, fix = reason.partition("; ")
    return problem, fix or "see the documentation of this table"


def _general(error: Mapping[str, Any], _loc: Loc) -> Sentence:
    reason = str(error.get("msg", "")).replace("Input should", "it should") or error["type"].replace("_", " ")
    return (
        f"{show(error.get('input'))} cannot be read: {reason[:1].lower()}{reason[1:]}",
        "write what is asked for here",
    )


def _key(loc: Loc) -> str:
    return f"{loc[-1]} = " if loc and isinstance(loc[-1], str) else ""


def _last(loc: Loc) -> str:
    return next((piece for piece in reversed(loc) if isinstance(piece, str)), "")


def _one_of(known: list[str]) -> str:
    *most, last = [show(name) for name in known] or ["…"]
    return f"{', '.join(most)} or {last}" if most else last


SENTENCES: Mapping[str, Callable[[Mapping[str, Any], Loc], Sentence]] = {
    "missing": _missing,
    "string_type": _text,
    "string_unicode": _text,
    "string_pattern_mismatch": _pattern,
    "string_too_short": _empty,
    "string_too_long": _long,
    "too_short": _empty,
    "too_long": _long,
    "enum": _choice,
    "literal_error": _choice,
    "int_type": _whole,
    "int_parsing": _whole,
    "int_parsing_size": _whole,
    "int_from_float": _whole,
    "float_type": _number,
    "float_parsing": _number,
    "finite_number": _number,
    "bool_type": _boolean,
    "bool_parsing": _boolean,
    "greater_than": _bound("not above", "gt", "a number above"),
    "greater_than_equal": _bound("below", "ge", "at least"),
    "less_than": _bound("not below", "lt", "a number below"),
    "less_than_equal": _bound("above", "le", "at most"),
    "tuple_type": _list,
    "list_type": _list,
    "set_type": _list,
    "frozen_set_type": _list,
    "dict_type": _table,
    "model_type": _table,
    "model_attributes_type": _table,
    "dataclass_type": _table,
    "value_error": _own,
    "assertion_error": _own,
}
