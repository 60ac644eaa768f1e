"""The facade: one object that answers, routes and counts. It wires the rooms together and holds no rules.

with Ecology.open("ecology.toml") as e:
    a = e.answer("Where is my card?", task="support", budget=Budget(usd=0.002, deadline_ms=800))
    a.output, a.confidence, a.attribution
"""

from __future__ import annotations

import asyncio
import os
import threading
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from . import _core
from .engine.async_carrier import carry
from .engine.description import Description, read_description
from .engine.handle import Compiled, compile_population
from .engine.loop_thread import LoopThread, submit
from .engine.request import Request, bounded_input, core_arguments
from .engine.serving import Serving, of_this_process, opening
from .errors import Closed, InvalidRequest, LearningOff, RunningLoop, UnknownAccount
from .policy import Budget, Risk

__all__ = ["Ecology", "Savings"]


@dataclass(frozen=True)
class Savings:
    """What was spent, against what always asking `baseline` would have.

    Money is charged by price; compute is measured processor time, orchestration (`overhead_ms`) included.
    `baseline_compute_ms` is what the baseline used per request where it was asked, times all requests; None
    until it was asked once.
    """

    requests: int
    baseline: str | None
    cost_usd: float
    baseline_cost_usd: float
    compute_ms: float
    overhead_ms: float
    baseline_compute_ms: float | None
    share: dict[str, float]

    @property
    def saved_usd(self) -> float:
        """Baseline minus cost, in US dollars; below 0 when the ecology costs more."""
        return self.baseline_cost_usd - self.cost_usd

    def to_dict(self) -> dict[str, Any]:
        """As JSON shows it."""
        return asdict(self) | {"saved_usd": self.saved_usd}


class Ecology:
    """A population that serves, safe to share between threads. Requests in flight end under the snapshot they began
    with.

    It may be opened before a fork (gunicorn's `preload_app`): each child serves the same population with budgets and
    counters of its own, which begin at zero.

    Use it as a context manager, or call `close()`.
    """

    def __init__(self, description: Description) -> None:
        """Compile and load a description that was read.

        Raises:
            InvalidPopulation: with everything that cannot be loaded.
        """
        self._state: Serving | None = Serving.begin(compile_population(description))
        self._swapping = threading.Lock()

    @classmethod
    def open(cls, path: str | os.PathLike[str] | None = None) -> Self:
        """Read, check and load a description: a TOML file, or the `ecology.toml` of a folder.

        Raises:
            InvalidPopulation: with every violation, each with its place and what to write instead.
        """
        return cls(read_description(path))

    # --- serving ------------------------------------------------------------------------------------------

    def answer(
        self,
        input: Any,
        *,
        task: str | None = None,
        language: str | None = None,
        data_class: str | None = None,
        jurisdiction: str | None = None,
        risk: Risk | None = None,
        model: str | None = None,
        account: str | None = None,
        budget: Budget | None = None,
        deadline_ms: float | None = None,
        seed: int | None = None,
    ) -> _core.Answer:
        """Answer one request on this thread, without the GIL while others work.

        `input` is text, chat messages, JSON, an array, or a `Request` that holds everything.

        Raises:
            InvalidRequest: the request itself is wrong (empty, too large, not UTF-8, deadline, unknown task).
            NoEligibleModel: with the reasons by model.
            BudgetExhausted, DeadlineExceeded, AllLegsFailed, AllLegsRefused: with the facts as fields.
            RunningLoop: async members, and this thread runs an event loop; use `aanswer`.
            Forked: this is a forked child, and a model cannot be opened again here.
        """
        serving = self._serving()
        engine, compiled = serving.engine, serving.compiled
        stated = (task, language, data_class, jurisdiction, risk, model, account, budget, deadline_ms, seed)
        text, host, arguments = self._read(compiled, input, stated)
        if not compiled.uses_loop:
            return engine.answer(text, host, arguments, submit)
        _refuse_running_loop()
        legs = LoopThread()
        return engine.answer(text, host, arguments, legs.submit, legs.cancel)

    async def aanswer(
        self,
        input: Any,
        *,
        task: str | None = None,
        language: str | None = None,
        data_class: str | None = None,
        jurisdiction: str | None = None,
        risk: Risk | None = None,
        model: str | None = None,
        account: str | None = None,
        budget: Budget | None = None,
        deadline_ms: float | None = None,
        seed: int | None = None,
    ) -> _core.Answer:
        """`answer` on the caller's event loop, where async members run with the caller's context variables."""
        serving = self._serving()
        engine, compiled = serving.engine, serving.compiled
        stated = (task, language, data_class, jurisdiction, risk, model, account, budget, deadline_ms, seed)
        text, host, arguments = self._read(compiled, input, stated)
        return await carry(lambda bridge: engine.flight(text, host, arguments, bridge))

    def route(
        self,
        input: Any,
        *,
        task: str | None = None,
        language: str | None = None,
        data_class: str | None = None,
        jurisdiction: str | None = None,
        risk: Risk | None = None,
        model: str | None = None,
        account: str | None = None,
        budget: Budget | None = None,
        seed: int | None = None,
    ) -> _core.Decision:
        """Admit and route, and start nothing: which model, how sure, and why not the others.

        Raises:
            InvalidRequest, NoEligibleModel, BudgetExhausted: as `answer`.
        """
        serving = self._serving()
        engine, compiled = serving.engine, serving.compiled
        if budget is None:
            # Most requests: one call, no tuples or dictionaries on the way. None asks for the closer look below.
            decision = engine.route_plain(input, task, language, data_class, jurisdiction, risk, model, account, seed)
            if decision is not None:
                return decision
        stated = (task, language, data_class, jurisdiction, risk, model, account, budget, None, seed)
        text, _, arguments = self._read(compiled, input, stated)
        return engine.route(text, arguments)

    # --- learning -----------------------------------------------------------------------------------------

    def feedback(self, answer_id: str, score: float) -> bool:
        """Say how good the answer with this `id` was, from 0 (useless) to 1 (right); tells whether the router learned.

        Where the policy's `routing.learning` is on, answers wait for feedback in a table of this process: the last
        `learning.pending` of them. Older ones are forgotten, and all of them when the process ends. Feedback becomes a
        row of `take_feedback`, and teaches the router unless the answer was picked by how sure the replies were (a
        cascade's, or one of several in parallel), no learned router chose it, or the router has been replaced since.
        Every `learning.publish_every` lessons are served as a new generation. Threads may call this together.

        Raises:
            InvalidRequest: the score is not a number from 0 to 1.
            UnknownAnswer: no answer of this process, or forgotten.
            AlreadyGraded: it has its feedback.
            LearningOff: no answer waits under this policy.
        """
        if not isinstance(answer_id, str) or isinstance(score, bool) or not isinstance(score, int | float):
            raise InvalidRequest(problem=f"feedback({answer_id!r}, {score!r}): give the answer's id, and from 0 to 1")
        return self._serving().engine.feedback(answer_id, score)

    def take_feedback(self, most: int = 1024) -> list[dict[str, Any]]:
        """Take at most `most` graded answers, oldest first, each with what off-policy evaluation needs: `score`,
        `chosen`, `propensity`, `ranked` with confidences, cost and latency; docs/learning.md names every key. What did
        not fit (the policy's `limits.events`) is counted as dropped."""
        return self._serving().engine.take_feedback(most)

    def feedback_counts(self) -> dict[str, int]:
        """Answers that are `pending`, those `forgotten` before they were graded, `graded` ones, those that the router
        `learned` from, and rows `dropped` because nobody took them."""
        return self._serving().engine.feedback_counts()

    def publish(self) -> int | None:
        """Serve what was learned so far as a new generation, and give its number; None if nothing was learned."""
        return self._serving().engine.publish()

    def save_learned(self, path: str | os.PathLike[str] | None = None) -> str:
        """Write what was learned from feedback to a file, by default the policy's `routing.learning.state`, from which
        the next process goes on; returns its digest. It is about one router file and of no use to another.

        Raises:
            LearningOff: nothing learns here.
            InvalidRequest: neither the call nor the policy names a file.
            ArtifactError: the file cannot be written.
        """
        serving = self._serving()
        description = serving.compiled.description
        state = description.policy.routing.learning.state
        if path is None:
            if state is None:
                raise InvalidRequest(
                    problem="name a file: save_learned(path), or `state` under policy.routing.learning"
                )
            path = Path(description.root, state)
        learned = serving.engine.learned()
        if learned is None:
            raise LearningOff
        return learned.write(Path(path))

    def replay(self, record: str) -> dict[str, Any]:
        """Make the decision of `Decision.record()` again, bit for bit, under the generation that made it: the one that
        serves, or one of the last 16 that learned. For older ones, and for other processes, there is
        `ecology.replay(snapshot, record, router, learned=…)`.

        Raises:
            ValueError: none of them made it, or the record keeps neither features nor text.
        """
        return self._serving().engine.replay(record)

    # --- what happened ------------------------------------------------------------------------------------

    def savings(self) -> Savings:
        """What was spent, against always asking the baseline (the policy's, else the dearest large model)."""
        serving = self._serving()
        engine, compiled = serving.engine, serving.compiled
        requests, cost, baseline_cost = engine.savings()
        rows = engine.counters()
        legs = [row for row in rows if row["role"] != "overhead"]
        overhead_ns = sum(row["compute_ns"] for row in rows if row["role"] == "overhead")
        own = [row for row in legs if row["model"] == compiled.baseline]
        asked = sum(row["calls"] for row in own)
        mean_ns = sum(row["compute_ns"] for row in own) / asked if asked else None
        calls = sum(row["calls"] for row in legs)
        by_model: dict[str, int] = {}
        for row in legs:
            by_model[row["model"]] = by_model.get(row["model"], 0) + row["calls"]
        return Savings(
            requests=requests,
            baseline=compiled.baseline,
            cost_usd=cost / 1e9,
            baseline_cost_usd=baseline_cost / 1e9,
            compute_ms=(sum(row["compute_ns"] for row in legs) + overhead_ns) / 1e6,
            overhead_ms=overhead_ns / 1e6,
            baseline_compute_ms=None if mean_ns is None else mean_ns * requests / 1e6,
            share={model: count / calls for model, count in by_model.items()},
        )

    def counters(self) -> list[dict[str, Any]]:
        """Lossless sums by account, model, task and role; role `overhead` is the orchestration itself."""
        return self._serving().engine.counters()

    def accounts(self) -> list[dict[str, Any]]:
        """Limit, committed, reserved and overrun by account and resource."""
        return self._serving().engine.accounts()

    def take_events(self, most: int = 1024) -> list[dict[str, Any]]:
        """Take at most `most` attributions of finished requests, oldest first; what did not fit is counted as
        dropped."""
        return self._serving().engine.take_events(most)

    def event_counts(self) -> tuple[int, int]:
        """Events so far, and how many of them were dropped."""
        return self._serving().engine.event_counts()

    # --- population ---------------------------------------------------------------------------------------

    @property
    def description(self) -> Description:
        """What is served."""
        return self._serving().compiled.description

    @property
    def generation(self) -> int:
        """Counts the swaps; the first population is 1."""
        return self._serving().engine.generation

    @property
    def digest(self) -> str:
        """SHA-256 of the snapshot, router weights included."""
        return self._serving().engine.digest

    @property
    def snapshot(self) -> str:
        """The compiled snapshot as JSON, which `replay` takes."""
        return self._serving().compiled.spec

    def reload(self, source: Description | str | os.PathLike[str] | None = None) -> int:
        """Serve another description (or the same file again) from now on; what was spent is kept, and so is what was
        learned from feedback if the router file and `learning.prior` are the same.

        Raises:
            InvalidPopulation: nothing changes, the previous snapshot keeps serving.
        """
        serving = self._serving()
        if not isinstance(source, Description):
            source = read_description(serving.compiled.description.source if source is None else source)
        fresh = compile_population(source)
        with self._swapping:
            generation = serving.engine.swap(fresh.spec, fresh.members, fresh.router, intent=fresh.intent)
            self._state = replace(serving, compiled=fresh, generation=generation)
        return generation

    def close(self) -> None:
        """Serve no more. Requests in flight end; members are freed when the last of them has."""
        self._state = None

    def __repr__(self) -> str:
        if (serving := self._state) is None:
            return "Ecology(closed)"
        held, count = serving.compiled.description, len(serving.compiled.description.models)
        models = "1 model" if count == 1 else f"{count} models"
        return f"Ecology({held.name}: {models}, generation {serving.engine.generation})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # --- inside -------------------------------------------------------------------------------------------

    def _serving(self) -> Serving:
        serving = self._state
        if serving is None:
            raise Closed
        return serving if serving.process == os.getpid() else self._opened_again()

    def _opened_again(self) -> Serving:
        """In a forked child, at its first use: its own engine. Whoever comes meanwhile waits for it."""
        with opening():
            serving = self._state
            if serving is None:
                raise Closed
            if serving.process != os.getpid():
                serving = of_this_process(serving)
                self._swapping = threading.Lock()  # a thread of the parent may have held the other one
                self._state = serving
            return serving

    def _read(self, compiled: Compiled, data: Any, stated: tuple[Any, ...]) -> tuple[str, Any, dict[str, Any] | None]:
        """The text to route by, what members are given (as it came, but bytes as text), and what is stated."""
        limit = compiled.description.policy.limits.input_bytes
        if type(data) is Request:
            if stated != _NOTHING_STATED:
                raise InvalidRequest(problem="a Request holds its constraints already; give none beside it")
            text, modality, size = bounded_input(data.input, limit)
            host = text if isinstance(data.input, bytes | bytearray) else data.input
            _check_account(compiled, data.account)
            return text, host, data.arguments() | {"modality": modality, "input_bytes": size}
        text, modality, size = bounded_input(data, limit)
        host = text if isinstance(data, bytes | bytearray) else data
        # All that the core would be told it knows: of a chat only the last turn is the text.
        if stated == _NOTHING_STATED and isinstance(host, str):
            return text, host, None
        task, language, data_class, jurisdiction, risk, model, account, budget, deadline_ms, seed = stated
        _check_account(compiled, account)
        return (
            text,
            host,
            core_arguments(
                task=task,
                language=language,
                modality=modality,
                data_class=data_class,
                jurisdiction=jurisdiction,
                risk=risk,
                model=model,
                account=account,
                budget=budget,
                deadline_ms=deadline_ms,
                seed=seed,
                input_bytes=size,
            ),
        )


_NOTHING_STATED = (None,) * 10
COLLECTING = "outcomes-collect"


def _check_account(compiled: Compiled, account: Any) -> None:
    """A misspelt account would spend without any limit, so where accounts are declared a stranger is refused."""
    declared = compiled.description.policy.budgets
    if isinstance(account, str) and declared and account != COLLECTING:
        root = account.partition("/")[0]
        if not any(name.partition("/")[0] == root for name in declared):
            raise UnknownAccount(account=account, known=sorted(declared))


def _refuse_running_loop() -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise RunningLoop
