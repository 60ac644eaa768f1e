"""`ecology model register | list | show`: the registry."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ..population import Role, Stage
from .options import AsJson, File
from .output import console, print_json

__all__ = ["commands"]

commands = typer.Typer(help="The registry of models.", no_args_is_help=True)

Home = Annotated[
    Path | None,
    typer.Option("--registry", help="The registry [default: registry.db in $ECOLOGY_HOME].", show_default=False),
]


def _path(home: Path | None) -> Path:
    from ..engine.description import read_settings

    return read_settings().registry if home is None else home


@commands.command("register")
def register(
    file: File = None,
    only: Annotated[
        list[str] | None,
        typer.Argument(help="name or name@version [default: every model], or one .safetensors file that was fitted."),
    ] = None,
    name: Annotated[str | None, typer.Option(help="Of a fitted file [default: router, or intent].")] = None,
    stage: Annotated[
        Stage, typer.Option(help="Of a fitted file; active replaces the version before.")
    ] = Stage.CANDIDATE,
    why: Annotated[str, typer.Option(help="The reason, kept in the history.")] = "",
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Register the models of a description, or a router or intent model from its file. A version never changes."""
    from ..engine.description import read_description
    from ..errors import UnknownModel
    from ..population.registry import Registry

    if only and any(argument.endswith(".safetensors") for argument in only):
        return _register_fitted(only, file, name, stage, why, home, as_json)
    description = read_description(file)
    chosen = list(description.models)
    if only:
        wanted = [description.find(name) for name in only]
        missing = [name for name, model in zip(only, wanted, strict=True) if model is None]
        if missing:
            raise UnknownModel(missing[0], [model.id for model in description.models])
        chosen = [model for model in wanted if model is not None]
    with Registry.open(_path(home)) as registry:
        done = [registry.register(model, root=description.root, why=why) for model in chosen]
    if as_json:
        return print_json([model.model_dump(mode="json") for model in done])
    for model in done:
        console.print(f"{model.id} {model.digest.value if model.digest else ''}", highlight=False, soft_wrap=True)
    return None


def _register_fitted(
    files: list[str],
    description: Path | None,
    name: str | None,
    stage: Stage,
    why: str,
    home: Path | None,
    as_json: bool,
) -> None:
    from ..engine.registration import read_fitted, register_fitted
    from ..population.registry import Registry

    if len(files) > 1:
        raise typer.BadParameter("give one fitted file at a time", param_hint="ONLY")
    fitted = read_fitted(files[0])
    root = _root(description)
    with Registry.open(_path(home)) as registry:
        model = register_fitted(registry, fitted, root, name=name, stage=stage, why=why)
    facts = model.model_dump(mode="json", exclude_defaults=True)
    if as_json:
        return print_json(model.model_dump(mode="json") | {"root": str(root)})
    console.print(f"{model.id} {fitted.digest} {model.stage}", highlight=False, soft_wrap=True)
    console.print("to serve it, write into the description:", style="dim")
    console.print(_as_toml(facts), highlight=False, markup=False, soft_wrap=True)
    return None


def _root(description: Path | None) -> Path:
    """The folder of the description, if there is one, else this one."""
    from ..engine.description import read_settings

    file = Path(read_settings().file if description is None else description)
    return file.absolute() if file.is_dir() else file.absolute().parent


def _as_toml(facts: dict[str, Any]) -> str:
    """One model as a table of `[[models]]`, and the line of the policy that names it."""
    import json

    def value(of: Any) -> str:
        if isinstance(of, dict):
            return "{ " + ", ".join(f"{key} = {value(inner)}" for key, inner in of.items()) + " }"
        return json.dumps(of, ensure_ascii=False)

    lines = [f"{key} = {value(of)}" for key, of in facts.items()]
    named = facts["name"]
    policy = f'router = "{named}"' if facts["role"] == Role.ROUTER else f'intent = {{ model = "{named}" }}'
    return "\n".join(["[[models]]", *lines, "", f"# and under [policy.routing]: {policy}"])


@commands.command("list")
def list_models(
    stage: Annotated[Stage | None, typer.Option(help="Only models of this stage.")] = None,
    role: Annotated[Role | None, typer.Option(help="Only models of this role.")] = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """List registered models."""
    from rich.table import Table

    from ..population.registry import Registry

    with Registry.open(_path(home)) as registry:
        models = registry.list(stage=stage, role=role)
    if as_json:
        return print_json([model.model_dump(mode="json") for model in models])
    table = Table("model", "role", "tier", "stage", "backend", "digest")
    for model in models:
        digest = model.digest.value[7:19] if model.digest else ""
        tier = model.tier if model.role not in (Role.ROUTER, Role.INTENT) else "-"  # what never answers has no size
        table.add_row(model.id, model.role, tier, model.stage, model.backend.kind, digest)
    console.print(table if models else "no models are registered; run: ecology model register")
    return None


@commands.command("show")
def show(
    name: Annotated[str, typer.Argument(help="name, or name@version.")], home: Home = None, as_json: AsJson = False
) -> None:
    """Show one model: its manifest and its history."""
    from ..population.registry import Registry

    with Registry.open(_path(home)) as registry:
        model = registry.show(name)
        history = registry.history(model.id)
        file = registry.file(name)
    facts = model.model_dump(mode="json")
    if as_json:
        events = [{"at": e.at, "kind": e.kind, "who": e.who, "why": e.why} for e in history]
        return print_json({"manifest": facts, "history": events})
    console.print(f"[bold]{model.id}[/]", highlight=False)
    for key, value in facts.items():
        if value not in (None, [], (), {}, ""):
            console.print(f"  {key}: {value}", highlight=False, markup=False)
    if file is not None:
        console.print(f"  file: {file}{'' if file.is_file() else ' (it is not there)'}", highlight=False, markup=False)
    console.print("history")
    for event in history:
        note = f": {event.why}" if event.why else ""
        console.print(f"  {event.when:%Y-%m-%d %H:%M:%S} {event.kind} {event.who}{note}", highlight=False, markup=False)
    return None
