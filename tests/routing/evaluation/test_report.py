"""The page stands alone, says what the numbers say, and nothing that came from data is markup in it."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest
from tests.routing.evaluation.made import COST, MODELS, Known, chances, drawn

from ecology.routing import Evaluation, evaluate
from ecology.routing.evaluation.definitions import DEFINITIONS

TABLE = chances()
EVIL = "</script><img src=x onerror=alert(1)>&\"'"


class Page(HTMLParser):
    """The tags with their attributes, the text, and what stands in the script; tags have to close in order."""

    VOID = {"meta", "br", "img"}

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.open: list[str] = []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] not in ("style", "script"):
            self.text.append(data)
        elif self.open[-1] == "script":
            self.numbers = json.loads(data)


@pytest.fixture(scope="module")
def found() -> Evaluation:
    return evaluate(Known(TABLE), drawn(TABLE), by="task", resamples=50)


@pytest.fixture(scope="module")
def page(found: Evaluation) -> Page:
    return Page(found.to_html())


def test_it_needs_no_network_and_runs_nothing(found: Evaluation, page: Page) -> None:
    tags = {tag for tag, _ in page.tags}
    assert not tags & {"link", "img", "iframe", "object", "embed", "base", "form", "use", "image"}
    assert [attributes for tag, attributes in page.tags if tag == "script"] == [
        {"type": "application/json", "id": "evaluation"}
    ]
    for _, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on") or name in ("src", "href", "action")]
    assert not re.search(r"https?:|@import|url\(", found.to_html())


def test_the_numbers_are_in_it_as_json(found: Evaluation, page: Page) -> None:
    assert page.numbers == json.loads(json.dumps(found.to_dict()))


def test_everything_that_was_measured_is_shown(found: Evaluation, page: Page) -> None:
    text = " ".join("".join(page.text).replace("\u00a0", " ").split())
    assert text.startswith("Router evaluation The router beats the best fixed mixture of models")
    for told in DEFINITIONS.values():
        assert told.label in text and " ".join(told.text.split()) in text
    for name in ("best single model", "best fixed mixture", "random at equal cost", "oracle at equal cost", *MODELS):
        assert name in text
    assert f"{found.metrics['apgr'].value:.3f}" in text and "By task" in text
    drawings = [attributes.get("aria-label") for tag, attributes in page.tags if tag == "svg"]
    shown = {"Cost and quality", "Strong calls and quality", "Risk-coverage", "Reliability, all models", "Confidence"}
    assert shown | {f"Reliability, {model}" for model in MODELS} <= set(drawings)


def test_a_notebook_shows_the_same_without_the_numbers(found: Evaluation) -> None:
    html = found._repr_html_()
    assert Page(html).text and "<script" not in html and "<html" not in html
    rules = re.sub(r"@media[^{]*\{", "", html.partition("<style>")[2].partition("</style>")[0])
    selectors = [part.strip() for rule in re.findall(r"([^{}]+)\{", rules) for part in rule.split(",")]
    assert len(selectors) > 30
    assert [part for part in selectors if not part.startswith((".eco", "body.eco"))] == [], "rules of its own only"


def test_names_from_data_are_text() -> None:
    models = [f"small{EVIL}", f"large{EVIL}"]
    rows = [
        row | {"model": models[MODELS.index(row["model"])], "task": EVIL, "cost_usd": COST[row["model"]]}
        for row in drawn(TABLE, split="val")
    ]
    rows += [row | {"model": f"<i>{EVIL}"} for row in rows[:2]]
    found = evaluate(Known(TABLE, models), rows, by="task", resamples=0)
    page = Page(found.to_html())
    assert not [tag for tag, _ in page.tags if tag in ("img", "i")]
    assert EVIL in "".join(page.text) and page.numbers["slices"][0]["name"] == EVIL
    assert any(EVIL in warning for warning in found.warnings)


CASES: dict[str, tuple[dict[str, Any], str]] = {
    "no costs": ({"cost_usd": None}, "The router beats the best single model"),
    "one price": ({"cost_usd": 0.001}, "The router beats the best single model"),
    "all right": ({"score": 1.0}, "The router does not clearly beat"),
    "all wrong": ({"score": 0.0}, "The router does not clearly beat"),
    "free": ({"cost_usd": 0.0}, "The router beats the best single model"),
}


@pytest.mark.parametrize(("change", "said"), CASES.values(), ids=CASES.keys())
def test_what_is_undefined_is_a_dash_and_never_nan(change: dict[str, Any], said: str) -> None:
    found = evaluate(Known(TABLE), [row | change for row in drawn(TABLE)], by="task", resamples=30)
    page = Page(found.to_html())
    text = "".join(page.text)
    assert said in text
    assert "nan" not in re.sub("[a-z]nan|nan[a-z]", "", text)
