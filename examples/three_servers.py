"""Three model servers, one population: cheap ones first, the dear one in doubt, and what happens when one fails.

Support tickets are labelled (task `triage`) and answered (task `reply`). A small and a medium model do what they are
sure of, going by the log probabilities of what they wrote; the rest goes on to a large one. One server then breaks, and
a budget runs out.

The servers are doubles on the loopback, so nothing is downloaded and nothing leaves this machine. They speak the OpenAI
protocol: put the address of your vLLM, llama.cpp or gateway into `base_url`, and the rest stays as it is.
"""

import tempfile
from pathlib import Path
from string import Template
from typing import Any

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table

import ecology as eco
from ecology.errors import BudgetExhausted
from ecology.observe import attribution_tree
from ecology.testing import Delay, Hang, OpenAIServer, Phase, ServerError

DESCRIPTION = """
name = "help desk"

[[models]]
name = "small"
tier = "small"
timeout_ms = 1000
max_output_tokens = 8
price = { usd_per_million_tokens_in = 0.05, usd_per_million_tokens_out = 0.10 }
contract = { tasks = ["triage"], output = "label", privileges = ["network"], labels = [
    "card_lost", "password", "refund", "delivery", "invoice" ] }
[models.backend]
kind = "openai"
base_url = "$small"
model = "tickets-1b"
system = "Answer with the label of the ticket."
output = "label"
confidence = "joint"          # the probability of the whole label

[[models]]
name = "medium"
tier = "medium"
timeout_ms = 1000
max_output_tokens = 60
price = { usd_per_million_tokens_in = 0.30, usd_per_million_tokens_out = 0.60 }
contract = { tasks = ["reply"], privileges = ["network"] }
[models.backend]
kind = "openai"
base_url = "$medium"
model = "tickets-8b"
template = "Answer this customer: {input}"
confidence = "mean"           # per token, for longer text

[[models]]
name = "large"
role = "fallback"
tier = "large"
timeout_ms = 2000
max_output_tokens = 60
price = { usd_per_million_tokens_in = 3, usd_per_million_tokens_out = 15 }
contract = { privileges = ["network"] }
[models.backend]
kind = "openai"
base_url = "$large"
model = "general-70b"
confidence = "mean"

[policy]
baseline = "large"            # savings are counted against this one answering everything
grants = { "*" = ["network"] }
budgets = { support = { usd = 0.004 } }

[policy.plans.triage]
kind = "cascade"
first = "small"
then = "large"
leg_confidence = 0.8          # typed here; `ecology fit` solves it from outcomes

[policy.plans.reply]
kind = "cascade"
first = "medium"
then = "large"
leg_confidence = 0.8
"""

TICKETS = {
    "My card was stolen on the tram": "card_lost",
    "I think I left my card in a shop": "card_lost",
    "Your site refuses my password": "password",
    "How do I choose a new password?": "password",
    "Neither the card nor my parcel is here": "delivery",
    "Since Monday it is with the courier": "delivery",
    "I sent the shoes back, now pay me": "refund",
    "Please send a bill for the new card": "invoice",
}
QUESTIONS = ("How long does a refund take?", "Where is my parcel?", "Can I pay in three parts?")
KNOWN = {"refund": "Five working days.", "parcel": "See the link in our mail."}


def asked(request: dict[str, Any]) -> str:
    """What the customer wrote, out of a request to a server."""
    return str(request["messages"][-1]["content"])


def tickets_1b(request: dict[str, Any]) -> dict[str, Any]:
    """Goes by a word, and is in two minds where several labels fit, or none."""
    fits = [label for word, label in (("card", "card_lost"), ("password", "password")) if word in asked(request)]
    doubt = not fits or any(word in asked(request) for word in ("parcel", "bill"))
    return {"content": fits[0] if fits else "refund", "confidence": 0.6 if doubt else 0.98}


def tickets_8b(request: dict[str, Any]) -> dict[str, Any]:
    """Knows two replies by heart."""
    known = next((reply for word, reply in KNOWN.items() if word in asked(request)), None)
    return {"content": known or "I believe that this is possible.", "confidence": 0.97 if known else 0.4}


def general_70b(request: dict[str, Any]) -> dict[str, Any]:
    """Is right about everything."""
    text = asked(request)
    return {"content": TICKETS.get(text) or "Yes, at no extra cost.", "confidence": 0.99}


console = Console(width=116, highlight=False)


def show(title: str, answers: dict[str, eco.Answer]) -> None:
    """One line for each answer: what was said, which legs it took, what it cost."""
    table = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left", title_style="bold", pad_edge=False)
    for name, width in (("ticket", 38), ("answer", 25), ("legs, with their confidence", 30)):
        table.add_column(name, width=width)
    table.add_column("cost", justify="right", no_wrap=True)
    for text, answer in answers.items():
        legs = []
        for leg in answer.attribution["legs"]:
            name = leg["model"].partition("@")[0]
            failed = f"[red]{name} {leg['outcome'].replace('_', ' ')}[/]"
            legs.append(f"{name} {leg['confidence']:.2f}" if leg["outcome"] == "ok" else failed)
        table.add_row(text, str(answer.output), " → ".join(legs), f"${answer.cost_usd:.6f}")
    console.print(table)


def main() -> None:
    with (
        OpenAIServer({"tickets-1b": tickets_1b}) as small,
        OpenAIServer({"tickets-8b": tickets_8b}, faults=lambda _: Delay(10)) as medium,
        OpenAIServer({"general-70b": general_70b}, faults=lambda _: Delay(40)) as large,
        tempfile.TemporaryDirectory() as folder,
    ):
        addresses = {"small": small.base_url, "medium": medium.base_url, "large": large.base_url}
        Path(folder, "ecology.toml").write_text(Template(DESCRIPTION).substitute(addresses), "utf-8")
        with eco.Ecology.open(folder) as ecology:
            run(ecology, small, large)


def run(ecology: eco.Ecology, small: OpenAIServer, large: OpenAIServer) -> None:
    def ask(text: str, task: str) -> eco.Answer:
        return ecology.answer(text, task=task, account="support")

    triaged = {text: ask(text, "triage") for text in TICKETS}
    show("1. Triage: small where its label has a probability of 0.8, else large", triaged)
    assert {text: answer.output for text, answer in triaged.items()} == TICKETS
    assert sum(answer.model == "small@1" for answer in triaged.values()) == 4
    assert len(small.requests) == len(TICKETS) and len(large.requests) == 4

    replied = {text: ask(text, "reply") for text in QUESTIONS}
    show("2. Replies: medium, else large", replied)
    assert [answer.model for answer in replied.values()] == ["medium@1", "medium@1", "large@1"]

    # The next three requests to the small server: an error, silence half-way through the reply, and a good one.
    small.script(ServerError(503), Hang(Phase.IN_BODY), None)
    failing = {text: ask(text, "triage") for text in list(TICKETS)[:3]}
    show("3. The small server fails twice and recovers; nobody notices", failing)
    assert [answer.ending for answer in failing.values()] == ["fell_back", "fell_back", "accepted"]
    assert all(answer.output == TICKETS[text] for text, answer in failing.items())

    # What is too dear is not started: the doubtful answer of the small model stands, with its confidence.
    doubtful = "I sent the shoes back, now pay me"
    cheap = ecology.answer(doubtful, task="triage", account="support", budget=eco.Budget(usd=0.0001))
    show("4. $0.0001 for one request is too little for the large model", {doubtful: cheap})
    assert cheap.model == "small@1" and cheap.confidence is not None and cheap.confidence < 0.8
    assert len(large.requests) == 7

    report = ecology.savings()
    print_savings(report)
    assert report.saved_usd > 0 and report.requests == 15

    # Nothing that is asked of an account takes it past its limit.
    try:
        for _ in range(100):
            ecology.answer(QUESTIONS[2], model="large", account="support")
        raise AssertionError("the budget does not hold")
    except BudgetExhausted as error:
        console.print("\n[bold]6. The account's budget is spent, and nothing more is started[/]\n")
        console.print(Padding(str(error), (0, 2)))
    spent = next(row for row in ecology.accounts() if row["resource"] == "nano_usd")
    assert spent["committed"] + spent["reserved"] <= spent["limit"] == 4_000_000

    console.print("\n[bold]7. Who took part in the first answer after the small server had failed[/]\n")
    console.print(attribution_tree(next(iter(failing.values())).attribution))


def print_savings(report: eco.Savings) -> None:
    """Against always asking the large model."""
    table = Table(box=box.SIMPLE_HEAD, title=f"5. {report.requests} requests", title_justify="left", pad_edge=False)
    table.title_style = "bold"
    for name in ("", f"always {report.baseline}", "the population", "saved"):
        table.add_column(name, justify="right" if name else "left")
    share = report.saved_usd / report.baseline_cost_usd
    table.add_row("money", f"${report.baseline_cost_usd:.6f}", f"${report.cost_usd:.6f}", f"[green]{share:.0%}[/]")
    for model, part in sorted(report.share.items(), key=lambda each: -each[1]):
        table.add_row(f"legs of {model}", "100%" if model == report.baseline else "", f"{part:.0%}", "")
    console.print(table)


if __name__ == "__main__":
    main()
