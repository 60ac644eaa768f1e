"""A description is right, or everything that is wrong with it is said: each violation at its place, with its fix."""

from __future__ import annotations

from pathlib import Path

import pytest

from ecology.engine.description import Description, parse_description, read_description
from ecology.errors import InvalidPopulation, Violation
from ecology.policy import Cascade
from ecology.population import Stage
from ecology.settings import Settings

VALID = """
name = "support"

[[models]]
name = "small"
timeout_ms = 50
tier = "small"
backend = { kind = "callable", target = "builtins:repr" }
contract = { tasks = ["support"], output = "label" }
price = { usd_per_call = 0 }
fallback = "large"

[[models]]
name = "large"
version = "2"
timeout_ms = 900
role = "fallback"
tier = "large"
backend = { kind = "callable", target = "builtins:str" }

[policy]
baseline = "large"

[policy.plans.support]
kind = "cascade"
first = "small"
then = "large@2"
leg_confidence = 0.8
"""


def violations(text: str, root: Path | str = "/nonexistent") -> list[Violation]:
    with pytest.raises(InvalidPopulation) as caught:
        parse_description(text, root, "ecology.toml")
    assert caught.value.source == "ecology.toml"
    return list(caught.value.violations)


def changed(*changes: tuple[str, str]) -> str:
    text = VALID
    for before, after in changes:
        assert before in text, before
        text = text.replace(before, after, 1)
    return text


def test_a_valid_description_is_read_with_every_digest_pinned() -> None:
    description = parse_description(VALID, ".", "ecology.toml")
    assert isinstance(description, Description)
    assert (description.name, description.source, description.root) == ("support", "ecology.toml", Path.cwd())
    assert [model.id for model in description.models] == ["small@1", "large@2"]
    assert all(model.digest and model.digest.kind == "declared" for model in description.models)
    plan = description.policy.plans["support"]
    assert isinstance(plan, Cascade) and plan.then == "large@2"
    assert description.find("large") is description.models[1]
    assert description.find("nobody") is None


BACKEND = '{ kind = "callable", target = "builtins:repr" }'
SERVED = '{ kind = "openai", base_url = "http://h/v1", model = "m"'

# what is changed in VALID → the place and a piece of the sentence
SMALL, LARGE = "(small@1)", "(large@2)"
SHAPE = [
    (('timeout_ms = 50\ntier = "small"', "timout_ms = 50"), f"models.0.timout_ms {SMALL}", "did you mean timeout_ms?"),
    (('timeout_ms = 50\ntier = "small"', ""), f"models.0.timeout_ms {SMALL}", "it is missing (write timeout_ms = 500)"),
    (("timeout_ms = 50\n", "timeout_ms = 0\n"), f"models.0.timeout_ms {SMALL}", "0 is not above 0"),
    (("timeout_ms = 50\n", "timeout_ms = 1.5\n"), f"models.0.timeout_ms {SMALL}", "not a whole number"),
    (("timeout_ms = 50\n", "timeout_ms = 3_600_001\n"), f"models.0.timeout_ms {SMALL}", "write at most 3600000"),
    (("timeout_ms = 50\n", 'timeout_ms = "soon"\n'), f"models.0.timeout_ms {SMALL}", '"soon" is not a whole number'),
    (("timeout_ms = 50\n", "timeout_ms = nan\n"), f"models.0.timeout_ms {SMALL}", "not a finite number"),
    (('version = "2"', "version = 2"), "models.1.version (large)", 'put it in quotes: version = "2"'),
    (("timeout_ms = 50\n", 'timeout_ms = "2 s"\n'), f"models.0.timeout_ms {SMALL}", "(write timeout_ms = 500)"),
    (('tier = "small"', 'tier = "smal"'), f"models.0.tier {SMALL}", "did you mean small?"),
    (('role = "fallback"', 'role = "spare"'), f"models.1.role {LARGE}", "write one of: champion, challenger"),
    (('role = "fallback"', 'role = "generalist"'), f"models.1.role {LARGE}", "did you mean fallback?"),
    (('role = "fallback"', "role = []"), f"models.1.role {LARGE}", "not one of the choices"),
    (('kind = "callable"', 'kind = "calable"'), f"models.0.backend.kind {SMALL}", "did you mean callable?"),
    (('kind = "callable", ', ""), f"models.0.backend.kind {SMALL}", '"openai", "mock" or "router"'),
    ((BACKEND, SERVED + ", temperature = 0 }"), f"models.0.backend.temperature {SMALL}", "parameters = { temperature"),
    ((BACKEND, SERVED + ", parameters = { n = 2, max_tokens = 3 } }"), f"models.0.backend.parameters {SMALL}",
     "n, max_tokens cannot be set here (the member writes it from its other keys, and write max_output_tokens"),
    ((BACKEND, SERVED.replace("/v1", "/v1/chat/completions") + " }"), f"models.0.backend.base_url {SMALL}",
     'write base_url = "http://h/v1"'),
    ((', target = "builtins:repr"', ""), f"models.0.backend.target {SMALL}", 'target = "models:answer"'),
    (('"builtins:repr"', '"builtins.repr"'), f"models.0.backend.target {SMALL}", '"package.module:function"'),
    (('{ kind = "callable", target = "builtins:repr" }', "3"), f"models.0.backend {SMALL}", "3 is not a table"),
    (('["support"]', '"support"'), f"models.0.contract.tasks {SMALL}", 'tasks = ["support"]'),
    (('["support"]', "[]"), f"models.0.contract.tasks {SMALL}", "it is empty"),
    (('["support"]', '["support", ""]'), f"models.0.contract.tasks.1 {SMALL}", "it is empty"),
    (('output = "label"', "languages = 3"), f"models.0.contract.languages {SMALL}", "3 is not a list"),
    (('output = "label"', 'labels = ["a", "a"]'), f"models.0.contract {SMALL}", "labels holds a twice"),
    (("usd_per_call = 0", "usd_per_call = -1"), f"models.0.price.usd_per_call {SMALL}", "-1 is below 0"),
    (("usd_per_call = 0", "usd_per_cal = 0"), f"models.0.price.usd_per_cal {SMALL}", "did you mean usd_per_call?"),
    (('price = {', 'languages = ["en"]\nprice = {'), f"models.0.languages {SMALL}", "it belongs in contract"),
    (("usd_per_call = 0", "tier = 'small'"), f"models.0.price.tier {SMALL}", "one table up, beside price"),
    (("price = {", "digest = { value = 'md5:1' }\nprice = {"), f"models.0.digest.value {SMALL}", "64 lower-case"),
    (('name = "support"', "name = ''"), "name", "it is empty"),
    (('name = "support"', "nme = 'support'"), "nme", "did you mean name?"),
    (("[policy]", "[polici]\n[policy]"), "polici", "did you mean policy?"),
    (('[policy]\nbaseline = "large"', "[policy]\nlog_text = true"), "policy.log_text", "write one of: none, features"),
    (("leg_confidence = 0.8", "leg_confidence = 1.2"), "policy.plans.support.leg_confidence", "1.2 is above 1"),
    (("leg_confidence = 0.8", ""), "policy.plans.support.leg_confidence", "write leg_confidence = 0.8"),
    (('kind = "cascade"', 'kind = "cascade"\nthen_ = 1'), "policy.plans.support.then_", "did you mean then?"),
    (('kind = "cascade"', 'kind = "casc"'), "policy.plans.support.kind", "did you mean cascade?"),
    (("[policy.plans.support]", '[policy.plans."a.b"]\nkind = 1\n[policy.plans.support]'),
     'policy.plans."a.b".kind', '"1" is no kind of it'),
    (("[policy.plans.support]", "[[policy.routing.rules]]\nname='x'\nprefer='small'\n[policy.plans.support]"),
     "policy.routing.rules.0", "a rule needs a condition (write one, for example min_complexity = 0.6)"),
    (("[policy.plans.support]",
      "[[policy.routing.rules]]\nname='x'\nprefer='small'\nmin_complexity=0.9\nmax_complexity=0.1\n[policy.plans.support]"),
     "policy.routing.rules.0", "the rule never holds"),
    (("[policy.plans.support]",
      "[[policy.routing.rules]]\nname='x'\nprefer='small'\ntask_type='maths!'\n[policy.plans.support]"),
     "policy.routing.rules.0.task_type", "did you mean maths?"),
    (("[policy.plans.support]", "[policy.budgets.all]\nusd = -1\n[policy.plans.support]"),
     "policy.budgets.all.usd", "write at least 0"),
    (("[policy.plans.support]", "[policy.budgets]\nall = 3\n[policy.plans.support]"),
     "policy.budgets.all", "3 is not a table"),
]  # fmt: skip
NAMES = [
    ((('name = "large"\nversion = "2"', 'name = "small"'),), "models.1.version (small@1)", "models.0 is small@1 too"),
    ((('name = "large"', 'name = "small"'),), "models.1.stage (small@2)", "small@1 is active too"),
    ((('fallback = "large"', 'fallback = "lrge"'),), f"models.0.fallback {SMALL}", "did you mean large?"),
    ((('fallback = "large"', 'fallback = "small@1"'),), f"models.0.fallback {SMALL}", "cannot fall back on itself"),
    (
        (('role = "fallback"', 'role = "fallback"\nfallback = "small"'),),
        f"models.0.fallback {SMALL}",
        "form a cycle: small@1 → large@2 → small@1",
    ),
    ((('role = "fallback"', 'role = "judge"'),), f"models.0.fallback {SMALL}", "has the role judge and never answers"),
    ((('role = "fallback"', 'role = "judge"'),), "policy.plans.support.then", "has the role judge and never answers"),
    ((('role = "fallback"', 'role = "judge"'),), "policy.baseline", "has the role judge and never answers"),
    ((('first = "small"', 'first = "smalls"'),), "policy.plans.support.first", "did you mean small?"),
    ((('first = "small"', 'first = "large"'),), "policy.plans.support.then", "first and then are both large@2"),
    ((('baseline = "large"', 'baseline = "larg"'),), "policy.baseline", "did you mean large?"),
    ((('baseline = "large"', 'baseline = "large@1"'),), "policy.baseline", "did you mean large@2?"),
    (
        (('output = "label"', 'privileges = ["network", "files"]'),),
        f"models.0.contract.privileges {SMALL}",
        'write "small@1" = ["files", "network"] under [policy.grants]',
    ),
    (
        (
            ('output = "label"', 'privileges = ["network"]'),
            ("[policy]", '[policy]\ngrants = { "small@1" = ["files"] }'),
        ),
        f"models.0.contract.privileges {SMALL}",
        'write "small@1" = ["files", "network"]',
    ),
    ((("[policy]", '[policy]\ngrants = { "*" = ["netwrk"] }'),), 'policy.grants."*".0', "did you mean network?"),
    (
        (("[policy.plans", "[[policy.routing.rules]]\nname='x'\nprefer='larg'\nmaths=true\n[policy.plans"),),
        "policy.routing.rules.0.prefer",
        "did you mean large?",
    ),
    (
        (("[policy.plans", "[policy.routing]\nrouter='r.safetensors'\n[policy.plans"),),
        "policy.routing.router",
        "neither a model nor a fitted router: does not exist",
    ),
    ((("[policy.plans", "[policy.routing]\nrouter='small'\n[policy.plans"),), "policy.routing.router", "specialist"),
    (
        (("[policy.plans", "[policy.budgets.team]\nusd=1\ndeadline_ms=50\n[policy.plans"),),
        "policy.budgets.team.deadline_ms",
        "write policy.defaults.deadline_ms = 50",
    ),
    (
        (('tier = "small"', 'stage = "shadow"'), ('tier = "large"', 'stage = "archived"')),
        "models",
        "no active model answers",
    ),
]


@pytest.mark.parametrize(("change", "place", "piece"), SHAPE, ids=lambda value: str(value)[:40])
def test_a_value_of_the_wrong_shape_is_the_only_violation(change: tuple[str, str], place: str, piece: str) -> None:
    found = violations(changed(change))
    missing = f"models.0.timeout_ms {SMALL}"  # a misspelt timeout_ms is a missing one too
    assert [violation.place for violation in found if violation.place != missing or place == missing] == [place]
    assert piece in str(found[0])
    assert all(violation.fix for violation in found)


@pytest.mark.parametrize(("changes", "place", "piece"), NAMES, ids=lambda value: str(value)[:40])
def test_a_name_that_means_nothing_is_found(changes: tuple[tuple[str, str], ...], place: str, piece: str) -> None:
    found = violations(changed(*changes))
    said = [str(violation) for violation in found if violation.place == place]
    assert any(piece in sentence for sentence in said), found
    assert all(violation.fix for violation in found)


def test_the_sentence_about_a_cycle_is_said_once_and_not_for_those_who_lead_into_it() -> None:
    third = (
        '[[models]]\nname="third"\ntimeout_ms=1\nbackend={kind="callable",target="builtins:str"}\nfallback="small"\n'
    )
    found = violations(changed(('role = "fallback"', 'fallback = "small"'), ("[policy]", third + "[policy]")))
    assert [violation.place for violation in found] == [f"models.0.fallback {SMALL}"]


def test_all_violations_come_at_once_in_the_order_of_the_file() -> None:
    found = violations(
        changed(
            ("timeout_ms = 50\n", 'timout_ms = 50\nstage = "activ"\n'),
            ('"builtins:repr"', '"nowhere_at_all:f"'),
            ('output = "label"', 'output = "labels", privileges = ["network"]'),
            ('fallback = "large"', 'fallback = "lag"'),
            ('role = "fallback"', 'fallback = "large"'),
            ('{ kind = "callable", target = "builtins:str" }', '{ kind = "calable" }'),
            ('baseline = "large"', 'baseline = "nobody"'),
            ('first = "small"', 'first = "smal"'),
            ("leg_confidence = 0.8", ""),
        )
    )
    assert [violation.place.partition(" ")[0] for violation in found] == [
        "models.0.timout_ms",
        "models.0.stage",
        "models.0.backend.target",
        "models.0.contract.output",
        "models.0.contract.privileges",
        "models.0.fallback",
        "models.0.timeout_ms",
        "models.1.fallback",
        "models.1.backend.kind",
        "policy.baseline",
        "policy.plans.support.first",
        "policy.plans.support.leg_confidence",
    ]


@pytest.mark.parametrize(
    ("name", "place", "piece"),
    [
        ('name = "Small One"', "models.0.name (Small One@1)", "write lower-case letters"),
        ("name = 7", "models.0.name", 'put it in quotes: name = "7"'),
        ("", "models.0.name", 'write name = "small"'),
    ],
)
def test_a_model_without_a_usable_name_is_said_to_be_so(name: str, place: str, piece: str) -> None:
    found = violations(changed(('name = "small"', name), ('first = "small"', "")))
    assert [violation.place for violation in found] == [place]
    assert piece in str(found[0])


SECOND = """
[[models]]
name = "small"
version = "2"
timeout_ms = 9
backend = { kind = "callable", target = "builtins:str" }
"""


@pytest.mark.parametrize(
    ("changes", "only"),
    [
        ([('name = "small"', 'name = "Small"'), ('first = "small"', 'first = "Small"')], "models.0.name"),
        ([('version = "2"', "version = 2")], "models.1.version"),  # the plan's large@2 is not said to be unknown
        ([('role = "fallback"', 'role = "fallbak"')], "models.1.role"),
        ([('tier = "small"', 'stage = 3\ntier = "small"')], "models.0.stage"),
        ([('tier = "small"', 'stage = "shadw"\ntier = "small"'), ("[policy]", SECOND + "[policy]")], "models.0.stage"),
        ([('tier = "small"', 'stage = 3\ntier = "small"'), ("[policy]", SECOND + "[policy]")], "models.0.stage"),
        (
            [("[policy]", '[policy]\ngrants = { "*" = 3 }'), ('output = "label"', 'privileges = ["files"]')],
            'policy.grants."*"',
        ),
    ],
)
def test_a_violation_does_not_breed_others(changes: list[tuple[str, str]], only: str) -> None:
    found = [violation.place.partition(" ")[0] for violation in violations(changed(*changes))]
    assert found == [only]


@pytest.mark.parametrize("stage", ["candidate", "archived", "retired", "quarantined"])
def test_a_model_that_is_not_loaded_needs_no_grant(stage: str) -> None:
    change = ('tier = "small"', f'stage = "{stage}"'), ('output = "label"', 'privileges = ["secrets"]')
    assert parse_description(changed(*change), ".", "x").models[0].stage is Stage(stage)


@pytest.mark.parametrize("pattern", ["small@1", "s*", "*", "family:bert*", "licence:MIT"])
def test_a_grant_by_pattern_family_or_licence_is_enough(pattern: str) -> None:
    text = changed(
        ('output = "label"', 'privileges = ["secrets"]'),
        ("price = {", 'family = "bert-mini"\nlicence = "MIT"\nprice = {'),
        ("[policy]", f'[policy]\ngrants = {{ "{pattern}" = ["secrets"] }}'),
    )
    assert parse_description(text, ".", "x").policy.grants == {pattern: ("secrets",)}


@pytest.mark.parametrize(
    ("text", "place", "piece"),
    [
        ("a = ", "line 1, column 5", "invalid value"),
        ("name = 'x'\n\n[models\n", "line 3, column 8", "the line reads: [models"),
        ("name = 'x'\nname = 'y'", "line 2, column 11", "cannot overwrite a value"),
        ("name = '''x", "line 1, column 12", ""),
        ("name = '\ud800'", "line 1, column 9", "half of a surrogate pair"),
        ("x = " + "[" * 3000, "file", "nested too deeply"),
        ("a" + ".a" * 200 + " = 1", "a.a.a.a…", "nested deeper than 32 levels"),
        (f"timeout = {'9' * 5000}", "file", ""),
        (f"timeout = 0x{'f' * 5000}", "timeout", "does not fit 64 bits"),
        ("timeout = 9223372036854775808", "timeout", "does not fit 64 bits"),
        ("", "models", "write [[models]]"),
        ("models = []", "models", "no active model answers"),
        ("models = 3", "models", "3 is not a list of models"),
        ("[models]\nname='x'", "models", "with two brackets"),
        ("models = [3]", "models.0", "3 is not a model"),
    ],
)
def test_a_text_that_is_no_description_says_where(text: str, place: str, piece: str) -> None:
    found = violations(text)
    assert found[0].place == place
    assert piece in str(found[0])


@pytest.mark.parametrize(
    "backend",
    [
        f'{SERVED}, api_key = "sk-hush" }}',
        f'{SERVED}, api_key = ["sk-hush"] }}',
        f'{SERVED}, apikey = "sk-hush" }}',
        f'{SERVED}, api_key = "sk-hush }}',
        '[{ api_key = "sk-hush", kind = "openai" }]',
        '{ kind = "openai", base_url = "https://me:sk-hush@h/v1", model = "m" }',
        '{ kind = "openai", base_url = "https://me:sk-hush@h/v1, model = "m" }',
    ],
)
def test_a_secret_that_stands_in_a_description_is_in_no_message(backend: str) -> None:
    found = violations(changed((BACKEND, backend)))
    assert found and not any("hush" in str(one) for one in found), found


def test_a_file_is_read_from_its_path_and_from_its_folder(tmp_path: Path) -> None:
    (tmp_path / "ecology.toml").write_text("\ufeff" + VALID, "utf-8")
    by_file = read_description(tmp_path / "ecology.toml", settings=Settings())
    assert by_file == read_description(tmp_path, settings=Settings())
    assert by_file.root == tmp_path


@pytest.mark.parametrize(
    ("content", "place", "piece"),
    [
        (None, "ecology.toml", "there is no such file (`ecology init` writes one"),
        (b"name = 'a'\n# caf\xe9\n", "line 2", "is not UTF-8"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(tmp_path: Path, content: bytes | None, place: str, piece: str) -> None:
    path = tmp_path / "ecology.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InvalidPopulation) as caught:
        read_description(path)
    assert place in caught.value.violations[0].place
    assert piece in str(caught.value)


def test_the_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "other.toml"
    path.write_text(VALID)
    assert read_description(path).policy.log_text == "features"
    monkeypatch.setenv("ECOLOGY_FILE", str(path))
    monkeypatch.setenv("ECOLOGY_LOG_TEXT", "none")
    assert read_description().policy.log_text == "none"
    assert read_description().source == str(path)
    monkeypatch.setenv("ECOLOGY_LOG_TEXT", "everything")
    with pytest.raises(InvalidPopulation) as caught:
        read_description()
    assert [violation.place for violation in caught.value.violations] == ["ECOLOGY_LOG_TEXT"]
