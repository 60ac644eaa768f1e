"""The fault table: every fault of the shipped server, asked in both ways and with and without a stream, has the one
outcome that `docs/servers.md` gives it, within its bound, with its connection closed or kept, and settled once."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.faults.served import BUDGET, WAYS, asked, balanced, served

from ecology.errors import AllLegsFailed, AllLegsRefused
from ecology.testing import FAULTS, OpenAIServer, population

DOCS = Path(__file__).parents[2] / "docs" / "servers.md"
TIMEOUT_S = 0.3
SLACK = 10

# What a leg may be charged, in US dollars: nothing; the call and its prompt; what its usage says; the worst.
FREE, PROMPT, USED, WORST = "nothing", "the prompt", "what was used", "the worst"
CALL_USD, IN_USD, OUT_USD, MOST_OUT = 0.001, 1e-6, 1e-5, 100


@dataclass(frozen=True)
class Row:
    """What a fault becomes; `streamed` where a stream differs. `closed` by the client."""

    outcomes: str
    charge: str
    kept: bool = False
    closed: bool = False
    retry_after_ms: int | None = None
    streamed: Row | None = None


HUNG = Row("timed_out", WORST, closed=True)
BROKE = Row("lost", WORST)
WRONG = Row("bad_output", USED, kept=True)
# No usage can be read from it, so that all that came counts as written.
UNREADABLE = Row("bad_output", f"{USED} {WORST}", kept=True)
GARBLED = Row("bad_output", f"{USED} {WORST}", kept=True, streamed=Row("lost", WORST, kept=True))
DECLINED = Row("refused", FREE, kept=True)
FINE = Row("ok", USED, kept=True)
TOO_MUCH = Row("lost", WORST, closed=True)

TABLE: dict[str, Row] = {
    **{f"hang_{at}": HUNG for at in ("before_reading", "before_headers", "in_headers", "after_headers", "in_body")},
    **{f"close_{at}": BROKE for at in ("before_headers", "in_headers", "after_headers", "in_body")},
    **{f"reset_{at}": BROKE for at in ("before_headers", "in_headers", "after_headers", "in_body")},
    # Whether the request was under way when the connection went decides which: the two race.
    "close_before_reading": Row("lost unavailable", f"{WORST} {FREE}"),
    "reset_before_reading": Row("lost unavailable", f"{WORST} {FREE}"),
    "trickle_headers": HUNG,
    "trickle_body": HUNG,
    "delay": FINE,
    "truncated": Row("lost", WORST, streamed=Row("ok", USED)),
    "not_http": BROKE,
    "not_json": GARBLED,
    "cut_json": GARBLED,
    "too_many_requests": Row("unavailable", FREE, kept=True, retry_after_ms=1000),
    "too_many_requests_date": Row("unavailable", FREE, kept=True, retry_after_ms=1000),
    "too_many_requests_ms": Row("unavailable", FREE, kept=True, retry_after_ms=1000),
    "server_error": Row("unavailable", PROMPT, kept=True),
    "unavailable": Row("unavailable", FREE, kept=True, retry_after_ms=1000),
    "refused_finish_reason": Row("refused", USED, kept=True),
    "refused_content_filter": DECLINED,
    "refused_content_policy_violation": DECLINED,
    "redirect": DECLINED,
    "shape_no_choices": WRONG,
    "shape_empty_choices": WRONG,
    "shape_choices_object": WRONG,
    "shape_content_not_text": WRONG,
    "shape_not_an_object": UNREADABLE,
    "nan": UNREADABLE,
    "infinity": UNREADABLE,
    "negative_infinity": UNREADABLE,
    "usage_negative": FINE,
    "usage_missing": FINE,
    "usage_fraction": FINE,
    "usage_huge": FINE,
    "usage_text": FINE,
    "oversize_body": TOO_MUCH,
    "oversize_body_unstated": TOO_MUCH,
    "oversize_headers": TOO_MUCH,
    "many_headers": TOO_MUCH,
}


def charges(kind: str, leg: dict[str, object]) -> bool:
    """Whether a leg was charged so."""
    cost, tokens_in, tokens_out = (float(str(leg[key])) for key in ("cost_usd", "tokens_in", "tokens_out"))
    assert cost == pytest.approx(bool(tokens_in) * CALL_USD + tokens_in * IN_USD + tokens_out * OUT_USD, abs=2e-9)
    return {
        FREE: tokens_in == tokens_out == 0,
        PROMPT: 0 < tokens_in < 100 and tokens_out == 0,
        USED: 0 < tokens_in < 100 and tokens_out < MOST_OUT,
        WORST: 0 < tokens_in < 100 and tokens_out == MOST_OUT,
    }[kind]


def test_the_table_has_every_fault_of_the_server() -> None:
    assert set(TABLE) == set(FAULTS)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("name", TABLE)
def test_a_fault_has_its_outcome_and_is_settled_once(name: str, stream: bool, way: str) -> None:
    row = TABLE[name]
    if stream and row.streamed is not None:
        row = row.streamed
    backend = {"stream": stream, "confidence": "mean", "max_response_bytes": 1_000_000}
    with OpenAIServer(models={"small": "refund"}) as server:
        model = served(server, backend=backend)
        with population({"small": model}, policy=BUDGET) as ecology:
            first = asked(ecology, way)
            assert first.output == "refund" and server.connection_count == 1
            server.script(FAULTS[name])
            told = asked(ecology, way)

            assert told.leg["outcome"] in row.outcomes.split()
            assert told.seconds < TIMEOUT_S * SLACK
            assert told.leg["retry_after_ms"] is None or row.retry_after_ms is not None
            if row.retry_after_ms is not None:
                assert told.leg["retry_after_ms"] == pytest.approx(row.retry_after_ms, abs=1001)
            assert any(charges(kind, told.leg) for kind in re.findall(f"{FREE}|{PROMPT}|{USED}|{WORST}", row.charge))
            if told.leg["outcome"] == "ok":
                assert told.output == "refund"
            elif told.leg["outcome"] == "refused":
                assert isinstance(told.error, AllLegsRefused)
            else:
                assert isinstance(told.error, AllLegsFailed)
                assert told.error.retry_after_ms == told.leg["retry_after_ms"]
            if told.leg["outcome"] not in ("ok", "timed_out"):
                assert told.leg["fault"] and told.leg["fault"] in str(told.error)

            met = server.connections[server.requests[-1].connection]
            if row.closed:
                server.wait_for(lambda _: (met.closed_by or "").startswith("client"), timeout_s=2)
            elif not row.kept:
                server.wait_for(lambda _: not met.is_open, timeout_s=2)
            last = asked(ecology, way)
            assert last.output == "refund", last
            # A machine too busy to read the end of a reply in a quarter of a second gives its connection up.
            if row.kept and told.seconds < 0.2:
                assert server.connection_count == 1
            elif not row.kept:
                assert server.connection_count == 2
            balanced(ecology, first, told, last)


def test_the_documentation_has_the_same_table() -> None:
    said = {}
    for line in DOCS.read_text("utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        for name in re.findall(r"`(\w+)`", cells[0]):
            if name in TABLE and len(cells) == 4:
                said[name] = (cells[1], cells[2])
    assert set(said) == set(TABLE)
    for name, row in TABLE.items():
        outcomes, charge = said[name]
        streamed = row.streamed.outcomes.split() if row.streamed else []
        assert set(re.findall(r"`(\w+)`", outcomes)) == {*row.outcomes.split(), *streamed}, name
        kinds = {kind for kind in (FREE, PROMPT, USED, WORST) if kind in charge}
        wanted = {kind for kind in (FREE, PROMPT, USED, WORST) if kind in row.charge}
        assert kinds == wanted | ({row.streamed.charge} if row.streamed else set()), name
