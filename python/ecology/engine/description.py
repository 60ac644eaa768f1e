"""From a TOML file to a population and its policy: everything is right, or everything that is wrong is said.

    name = "support"

    [[models]]
    name = "small"
    timeout_ms = 50
    tier = "small"
    backend = { kind = "linear", path = "small.safetensors" }
    contract = { tasks = ["support"], output = "label" }
    price = { usd_per_call = 0 }

    [policy.plans.support]
    kind = "direct"

Three looks are taken at the whole text, whatever the one before found: at the shape of each value
(`translation.py`), at the names that refer to each other (`references.py`), and at the files, graphs and functions
that are pointed to (`artefacts.py`). People fix lists.

>>> parse_description("[[models]]\\nname = 'a'\\ntimout_ms = 9", Path(), "ecology.toml")
Traceback (most recent call last):
...
ecology.errors.InvalidPopulation: ecology.toml: 3 violations
  models.0.timout_ms (a@1): there is no such key (did you mean timeout_ms?)
  models.0.backend (a@1): it is missing (write backend = { kind = "callable", target = "models:answer" })
  models.0.timeout_ms (a@1): it is missing (write timeout_ms = 500)
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from ..errors import InvalidPopulation, Violation
from ..policy import Policy
from ..population import Manifest, find, pin
from ..settings import Settings
from .artefacts import artefacts_of, intent_of, router_of
from .document import parse_toml, read_text
from .place import Document, Finding, at, in_order
from .references import CHECKS
from .salvage import Reading, read
from .translation import translate

__all__ = ["Description", "check_description", "parse_description", "read_description", "read_settings"]


@dataclass(frozen=True, slots=True)
class Description:
    """A population and its policy, checked; relative paths are under `root`.

    Every model carries the digest that its content had when the description was read, except those that are
    retired or quarantined: of these nothing is opened.
    """

    name: str
    models: tuple[Manifest, ...]
    policy: Policy
    root: Path
    source: str

    def find(self, reference: str) -> Manifest | None:
        """The model named `name@version`, or the serving version of a bare `name`."""
        return find(self.models, reference)


def read_description(path: str | os.PathLike[str] | None = None, *, settings: Settings | None = None) -> Description:
    """Read a description's file, or the `ecology.toml` of a folder; without a path, what `ECOLOGY_FILE` names.

    What the environment sets wins over the file.

    Raises:
        InvalidPopulation: with every violation, in the order of the file.
    """
    settings = read_settings() if settings is None else settings
    file = Path(settings.file if path is None else path)
    if file.is_dir():
        file /= "ecology.toml"
    description = parse_description(read_text(file), file.absolute().parent, str(file))
    if settings.log_text is None:
        return description
    policy = description.policy.model_copy(update={"log_text": settings.log_text})
    return Description(description.name, description.models, policy, description.root, description.source)


def parse_description(text: str, root: str | os.PathLike[str], source: str) -> Description:
    """Read a description from its text; `source` is what violations call it.

    Raises:
        InvalidPopulation: with every violation, in the order of the text.
    """
    return check_description(parse_toml(text, source), root, source)


def check_description(document: Document, root: str | os.PathLike[str], source: str) -> Description:
    """Read a description from what its TOML stands for: tables as dictionaries.

    Raises:
        InvalidPopulation: with every violation, in the order of the document.
    """
    folder = Path(root).absolute()
    reading = read(document)
    findings = [*reading.findings, *_second_look(reading, document, folder)]
    if findings:
        raise InvalidPopulation(source, in_order(findings, document))
    population = reading.population
    models = tuple(pin(model, folder) if model.stage.kept else model for model in population.models)
    return Description(population.name, models, population.policy, folder, source)


def _second_look(reading: Reading, document: Document, root: Path) -> Iterator[Finding]:
    """What is wrong beyond the shape of single values; a value that was refused already is not judged again."""
    models, policy = reading.population.models, reading.population.policy
    for check in CHECKS:
        yield from (found for found in check(models, policy) if not _follows(found, reading, document))
    for index, model in enumerate(models):
        where = ("models", index)
        if model.stage.kept and not reading.doubts(where):
            whole = not reading.touches(where)
            yield from artefacts_of(model, where, root, policy, whole=whole)
    learned = [*router_of(models, policy, root), *intent_of(models, policy)]
    yield from (found for found in learned if not _follows(found, reading, document))


def _follows(found: Finding, reading: Reading, document: Document) -> bool:
    """Whether a finding may only follow from a value that was refused already."""
    if reading.doubts(found.loc):
        return True
    refused = [loc for loc in reading.refused if loc[0] == "models" and len(loc) in (2, 3)]
    keys = {loc[-1] for loc in refused if len(loc) == 3}
    if found.loc[-1] == "stage":
        return "stage" in keys
    if found.loc == ("models",):
        return bool(keys & {"stage", "role"}) or any(len(loc) == 2 for loc in refused)
    if found.loc[-1] == "privileges":
        return reading.touches(("policy", "grants"))
    unread = [at(document, (*loc[:2], "name")) for loc in refused if loc[-1] in ("name", "version")]
    reference = at(document, found.loc)
    return isinstance(reference, str) and reference.partition("@")[0] in unread


def read_settings() -> Settings:
    """What the environment says.

    Raises:
        InvalidPopulation: a variable has a value that means nothing; its name is the place.
    """
    try:
        return Settings()
    except ValidationError as error:
        found = [translate(one, Settings) for one in error.errors(include_url=False)]
        violations = [Violation(f"ECOLOGY_{str(one.loc[0]).upper()}", one.problem, one.fix) for one in found if one.loc]
        raise InvalidPopulation("the environment", violations) from error
