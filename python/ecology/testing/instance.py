"""A value that fits a JSON schema, so that structured output can be tested with nothing scripted.

It is the least one: what is required, and nothing more. Only the keywords that say what a value *is* are read.

>>> instance({"type": "object", "required": ["label", "score"],
...           "properties": {"label": {"enum": ["a", "b"]}, "score": {"type": "number", "minimum": 0.5}}})
{'label': 'a', 'score': 0.5}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["instance"]

DEEPEST = 32


def instance(schema: Any, root: Any = None, depth: int = 0) -> Any:
    """A value for `schema`; `None` where nothing is said, or where references go round in a circle."""
    if not isinstance(schema, Mapping) or depth > DEEPEST:
        return None
    root = schema if root is None else root
    if "$ref" in schema:
        return instance(_referred(str(schema["$ref"]), root), root, depth + 1)
    for key in ("const", "default"):
        if key in schema:
            return schema[key]
    if schema.get("enum"):
        return schema["enum"][0]
    for key in ("anyOf", "oneOf", "allOf"):
        if schema.get(key):
            return instance(schema[key][0], root, depth + 1)
    kind = schema.get("type", "object" if "properties" in schema else None)
    kind = kind[0] if isinstance(kind, list) and kind else kind
    if kind == "object":
        properties = schema.get("properties", {})
        return {name: instance(properties.get(name), root, depth + 1) for name in schema.get("required", properties)}
    if kind == "array":
        return [instance(schema.get("items"), root, depth + 1) for _ in range(schema.get("minItems", 0))]
    if kind in ("number", "integer"):
        return schema.get("minimum", 0)
    if kind == "string":
        return "a" * schema.get("minLength", 1)
    return False if kind == "boolean" else None


def _referred(reference: str, root: Any) -> Any:
    node = root
    for key in reference.removeprefix("#").strip("/").split("/"):
        node = node.get(key) if isinstance(node, Mapping) else None
    return node
