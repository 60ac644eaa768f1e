"""The stubs say what the built module is."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

from ecology import _core

STUBS = ast.parse(Path(_core.__file__).with_name("_core.pyi").read_text())


def public(names: list[str]) -> set[str]:
    return {name for name in names if not name.startswith("_") or name == "__version__"}


def test_stubs_name_what_the_module_has() -> None:
    stated = {node.name for node in STUBS.body if isinstance(node, ast.ClassDef | ast.FunctionDef)}
    stated |= {
        node.target.id for node in STUBS.body if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }
    assert stated == public(dir(_core))


def test_stubs_name_what_each_class_has() -> None:
    for node in STUBS.body:
        if isinstance(node, ast.ClassDef):
            stated = public([method.name for method in node.body if isinstance(method, ast.FunctionDef)])
            assert stated == public(list(vars(getattr(_core, node.name)))), node.name


def test_stubs_have_the_parameters_of_the_functions() -> None:
    for node in STUBS.body:
        methods = [node] if isinstance(node, ast.FunctionDef) else getattr(node, "body", [])
        owner = _core if isinstance(node, ast.FunctionDef) else getattr(_core, getattr(node, "name", ""), None)
        for method in methods:
            if not isinstance(method, ast.FunctionDef) or method.name.startswith("__"):
                continue
            if any(isinstance(d, ast.Name) and d.id == "property" for d in method.decorator_list):
                continue
            built = inspect.signature(getattr(owner, method.name))
            stated = [argument.arg for argument in (*method.args.args, *method.args.kwonlyargs)]
            found = list(built.parameters)
            assert [name for name in stated if name != "self"] == [n for n in found if n != "self"], method.name
            defaults = [p.name for p in built.parameters.values() if p.default is not inspect.Parameter.empty]
            given = [*method.args.defaults, *(default for default in method.args.kw_defaults if default is not None)]
            assert len(given) == len(defaults), method.name
