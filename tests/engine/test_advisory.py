"""`check` warns of what is allowed and unwise: each warning by the change that brings it on, and no warning before."""

from __future__ import annotations

import pytest

from ecology.engine.advisory import advise
from ecology.engine.description import parse_description
from ecology.errors import Violation

SOUND = """
[[models]]
name = "generalist"
timeout_ms = 900
role = "fallback"
tier = "large"
family = "llama"
backend = { kind = "callable", target = "builtins:str" }
price = { usd_per_call = 0.01 }
expected_latency_ms = 400

[[models]]
name = "small"
timeout_ms = 50
tier = "small"
family = "bow"
licence = "MIT"
backend = { kind = "callable", target = "builtins:repr" }
contract = { tasks = ["support"] }
price = { usd_per_call = 0 }

[[models]]
name = "other"
timeout_ms = 50
tier = "small"
family = "bow"
backend = { kind = "callable", target = "builtins:repr" }
price = { usd_per_call = 0 }

[policy]

[policy.defaults]
deadline_ms = 1000
"""
MORE = '[[models]]\nname = "{}"\ntimeout_ms = 9\nbackend = {{ kind = "callable", target = "builtins:str" }}\n'
PLAN = "[policy.plans.support]\n"


def advice(*changes: tuple[str, str], scorecards: int = 0) -> list[Violation]:
    text = SOUND
    for before, after in changes:
        assert before in text, before
        text = text.replace(before, after)
    return advise(parse_description(text, ".", "ecology.toml"), scorecards)


def test_a_sound_description_gets_no_advice() -> None:
    assert advice() == []


CALLED = 'backend = { kind = "callable", target = "builtins:str" }'
SERVED = 'backend = {{ kind = "openai", base_url = "http://127.0.0.1:9{}", model = "m"{} }}\n{}'
NETWORK = 'contract = { privileges = ["network"] }'
HERE = "[policy.defaults]"  # where a further table of the policy goes
GRANTED = (HERE, 'grants = { "*" = ["network", "secrets"] }\n' + HERE)
PRICED = "price = { usd_per_call = 0.01 }"
CASCADE = PLAN + 'kind = "cascade"\nleg_confidence = {}\n' + HERE
ADAPTIVE = '[policy.default_plan]\nkind = "adaptive"\ndecision_confidence = {}\n' + HERE
NAMED = PLAN + 'kind = "cascade"\nfirst = "other"\nthen = "generalist"\nleg_confidence = 0.5\n' + HERE
SALES = '[policy.plans.sales]\nkind = "cascade"\nfirst = "small"\nleg_confidence = 0.5\n' + HERE
RULE = '[[policy.routing.rules]]\nname = "x"\nprefer = "medium"\nmaths = true\n' + HERE
ACCEPTS_SALES = 'contract = { tasks = ["sales"] }'
LEG = "policy.plans.support.leg_confidence"
CASES: list[tuple[list[tuple[str, str]], list[str], str]] = [
    # a fourth model
    ([("[policy]", MORE.format("fourth") + "[policy]")], ["models.3 (fourth@1)"], "none has a scorecard"),
    # nobody for the doubtful, nobody to compare with
    ([('role = "fallback"', "")], ["models"], "no model has the role fallback"),
    ([('tier = "large"', "")], ["models"], "no model is large"),
    ([("price = { usd_per_call = 0 }", ""), (PRICED, "")], ["models"], "no price is known"),
    # time
    ([("= 900", "= 1001")], ["models.0.timeout_ms (generalist@1)"], "the default deadline of 1000 ms comes first"),
    ([("ms = 400", "ms = 1200")], ["models.0.expected_latency_ms (generalist@1)"], "the fallback takes 1200 ms"),
    # servers
    (
        [(CALLED, SERVED.format("/v1", ', api_key = "env:PATH"', NETWORK)), GRANTED],
        ["models.0.contract.privileges (generalist@1)"],
        'it uses secrets, and its contract does not say so (write privileges = ["network", "secrets"]',
    ),
    (
        [(CALLED, SERVED.format("/", "", NETWORK)), GRANTED],
        ["models.0.backend.base_url (generalist@1)"],
        'write base_url = "http://127.0.0.1:9/v1"',
    ),
    (
        [(CALLED, SERVED.format("/v1", ", parameters = { temperture = 0, of_ours = 1 }", NETWORK)), GRANTED],
        ["models.0.backend.parameters.temperture (generalist@1)"],
        "did you mean temperature?",
    ),
    ([(PRICED, ""), ("[policy]", '[policy]\nbaseline = "generalist"')], ["policy.baseline"], "no money is saved"),
    # budgets
    ([(HERE, "[policy.budgets.a]\ntokens_in = 5\n" + HERE)], ["policy.budgets.a"], "it holds in one process"),
    ([(HERE, "[policy.budgets.a]\n" + HERE)], ["policy.budgets.a"], "it limits nothing"),
    (
        [(PRICED, ""), (HERE, "[policy.budgets.a]\nusd = 5\n" + HERE)],
        ["models.0.price (generalist@1)", "policy.budgets.a"],
        "its price is unknown, so an account with a limit in usd refuses it",
    ),
    # thresholds
    ([(HERE, CASCADE.format(0.8))], [LEG], "0.8 is typed here (`ecology fit` solves it"),
    ([(HERE, CASCADE.format(0))], [LEG], "at 0 nothing escalates"),
    ([(HERE, CASCADE.format(1))], [LEG], "at 1 everything escalates"),
    ([(HERE, ADAPTIVE.format(0))], ["policy.default_plan.decision_confidence"], "at 0 the best model always runs"),
    ([(HERE, ADAPTIVE.format(1))], ["policy.default_plan.decision_confidence"], "at 1 2 models always run"),
    (
        [(HERE, "[policy.routing]\nmin_decision_confidence = 0.7\n" + HERE)],
        ["policy.routing.min_decision_confidence"],
        "0.7 is typed here",
    ),
    # two of a kind
    (
        [('"llama"', '"bow"'), (HERE, ADAPTIVE.format(0.5))],
        ["policy.default_plan", "policy.default_plan.decision_confidence"],
        "all that it could compare are of the family bow",
    ),
    # out of reach
    ([('licence = "MIT"', 'stage = "archived"')], ["models.1.stage (small@1)"], "it is archived: no request"),
    ([("[policy]", '[policy]\ndeny = ["other@*"]')], ["models.2 (other@1)"], 'policy.deny has "other@*"'),
    ([("[policy]", '[policy]\ndeny = ["licence:M?T"]')], ["models.1 (small@1)"], 'policy.deny has "licence:M?T"'),
    ([("[policy]", '[policy]\nallow = ["[!s]*"]')], ["models.1 (small@1)"], "no pattern of policy.allow fits it"),
    ([(HERE, NAMED)], ["models.1 (small@1)", LEG], "the plans for support name other models"),
    (
        [('"MIT"', '"MIT"\nfallback = "other"'), ('"other"\ntimeout_ms', '"other"\nstage = "shadow"\ntimeout_ms')],
        ["models.1.fallback (small@1)"],
        "other@1 may not serve, so nobody takes over",
    ),
    # idle parts of the policy
    ([("[policy]", '[policy]\ndeny = ["small"]')], ["policy.deny.0"], 'write "small@*"'),
    ([("[policy]", '[policy]\ndeny = ["smal@1"]')], ["policy.deny.0"], "did you mean small@1?"),
    ([("[policy]", '[policy]\ngrants = { "gpt*" = [] }')], ['policy.grants."gpt*"'], '"gpt*" fits no model'),
    (
        [('family = "llama"', ACCEPTS_SALES), ('"other"', f'"other"\n{ACCEPTS_SALES}'),
         (HERE, '[policy.plans.suport]\nkind = "direct"\n' + HERE)],
        ["policy.plans.suport"],
        "did you mean support?",
    ),
    ([(HERE, SALES)], ["policy.plans.sales.leg_confidence", "policy.plans.sales.first"], "small@1 may not serve here"),
    ([(HERE, RULE)], ["policy.routing.rules.0.prefer"], 'no model that serves is "medium"'),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "places", "piece"), CASES, ids=[case[2][:45] for case in CASES])
def test_what_is_unwise_is_said_at_its_place_with_what_to_write(
    changes: list[tuple[str, str]], places: list[str], piece: str
) -> None:
    found = advice(*changes)
    assert sorted(one.place if "@" in places[0] else one.place.partition(" ")[0] for one in found) == sorted(
        places
    ) or {one.place for one in found} >= {*places}
    assert any(piece in str(one) for one in found), found
    assert all(one.fix for one in found)


def test_scorecards_end_the_warning_of_the_fourth_model() -> None:
    fourth = ("[policy]", MORE.format("fourth") + "[policy]")
    assert len(advice(fourth)) == 1
    assert advice(fourth, scorecards=4) == []


def test_a_default_task_that_nobody_accepts_is_found() -> None:
    found = advice(
        ('name = "small"', 'name = "small"\nstage = "candidate"'),
        ('name = "generalist"', 'name = "generalist"\ncontract = { tasks = ["sales"] }'),
        ('name = "other"', 'name = "other"\ncontract = { tasks = ["returns"] }'),
        ("deadline_ms = 1000", 'deadline_ms = 1000\ntask = "sale"'),
    )
    assert [one.place for one in found] == ["models.1.stage (small@1)", "policy.defaults.task"]
    assert found[1].fix == "did you mean sales?"


def test_a_fallback_is_within_reach_though_no_plan_names_it() -> None:
    behind = ('name = "other"', 'name = "other"\nfallback = "small"')
    assert "models.1 (small@1)" not in {one.place for one in advice((HERE, NAMED), behind)}
