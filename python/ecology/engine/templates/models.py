"""The models of this ecology: plain functions from a text to an answer. Put calls of your own models here.

A function may be `async`; it may return a bare answer, or a `Reply` that also says how sure it is and how many tokens
it took. When it raises, the request goes on to the model's `fallback`. `ecology.toml` names the functions.
"""

from __future__ import annotations

import ast
import math
import operator
import re
from collections import Counter
from collections.abc import Callable

from ecology import Reply

# --- a generalist: here the sentence of a handbook that fits best; yours may be a large language model ----

HANDBOOK = """
Your order is delivered within three working days after we have received the payment.
You can send goods back within thirty days, and we refund the price when they have arrived.
A refund takes five working days to reach your bank account or card.
To change or cancel an order, open it in your account before it has been packed.
Your new card comes by post within ten days.
We accept credit cards, bank transfer and payment on invoice.
If you have lost your card, block it at once in the app under Security.
To set a new password, choose Forgotten password on the sign-in page.
Delivery is free above fifty euros; below that it costs four euros ninety.
Our support team answers from Monday to Friday between nine and six.
"""
UNSAID = "I do not know: the handbook says nothing about that."


def generalist(text: str) -> str:
    """The sentence of the handbook that shares the rarest words with the question.

    >>> generalist("How long does a refund take?")
    'A refund takes five working days to reach your bank account or card.'
    >>> generalist("Who wrote Hamlet?")
    'I do not know: the handbook says nothing about that.'
    """
    sentences = [line for line in HANDBOOK.splitlines() if line]
    words = [_words(sentence) for sentence in sentences]
    spread = Counter(word for found in words for word in found)
    asked = _words(text)

    def fit(place: int) -> float:
        rare = sum(math.log(1 + len(sentences) / spread[word]) for word in asked & words[place])
        return rare / math.sqrt(len(words[place]))

    best = max(range(len(sentences)), key=fit)
    return sentences[best] if fit(best) > 0.4 else UNSAID


SAYS_NOTHING = """a about an and any are as at be been before by can could do does for from has have how i if in is it
    me my of on or our please should that the their there they this to was we what when where which who why will with
    you your"""


def _words(text: str) -> set[str]:
    """Words without their endings, and without those that say nothing."""
    found = re.findall(r"[a-z]+", text.lower())
    return {re.sub(r"(ing|ed|es|s|e)$", "", word) for word in found if word not in SAYS_NOTHING.split()}


# --- a specialist: arithmetic, exactly ---------------------------------------------------------------------

OPERATORS: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
WRITTEN = {
    "plus": "+",
    "minus": "-",
    "times": "*",
    "multiplied by": "*",
    "divided by": "/",
    "\u00d7": "*",
    "\u00f7": "/",
}
DATE = r"\b\d{1,4}([-/.])\d{1,2}\1\d{1,4}\b"


def calculator(text: str) -> Reply:
    """The value of the longest sum in the text. It computes and does not guess, so it is sure.

    >>> calculator("What is 17 * 23 + 4?").output, calculator("20% of 1,250, please").output
    ('395', '250')
    """
    plain = re.sub(r"(?<=\d),(?=\d{3})", "", re.sub(DATE, " ", text.lower()))
    plain = re.sub(r"(\d)\s*%\s*of\s*", r"\1 / 100 * ", plain)
    plain = re.sub(r"(?<=\d)\s*x\s*(?=\d)", " * ", plain)
    for word, sign in WRITTEN.items():
        plain = plain.replace(word, f" {sign} ")
    sums = [found.strip() for found in re.findall(r"[-(\d.][-+*/().\d\s]*", plain[:2000])]
    for found in sorted(sums, key=len, reverse=True):
        try:
            tree = ast.parse(found[:200], mode="eval").body
            if isinstance(tree, ast.BinOp):
                return Reply(f"{_value(tree):.12g}", confidence=1.0)
        except (SyntaxError, TypeError, ZeroDivisionError):
            continue
    raise LookupError("there is nothing to compute in this text")


def _value(tree: ast.expr) -> float:
    match tree:
        case ast.Constant(value=int() | float() as number):
            return number
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            return -_value(inner)
        case ast.BinOp(left=left, op=sign, right=right) if type(sign) in OPERATORS:
            return OPERATORS[type(sign)](_value(left), _value(right))
    raise TypeError("not a sum")


# --- a specialist: the fields of an order ------------------------------------------------------------------

MONTH = "(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"
DATES = (
    r"\d{4}-\d\d-\d\d",
    r"\d{1,2}[./]\d{1,2}[./]\d{2,4}",
    rf"\d{{1,2}} {MONTH} \d{{4}}",
    rf"{MONTH} \d{{1,2}}, \d{{4}}",
)
FIELDS = {
    "orders": r"(?:\b[A-Z]{1,3}-?|#|\b(?<=order )|\b(?<=order no\. ))\d{4,12}\b",
    "dates": rf"\b(?:{'|'.join(DATES)})\b",
    "amounts": r"(?:[$€£]\s?\d+(?:[.,]\d\d)?|\b\d+(?:[.,]\d\d)? ?(?:euros?|eur|usd|dollars?|pounds?)\b)",
}


def order_fields(text: str) -> dict[str, list[str]]:
    """Order numbers, dates and amounts, as they are written.

    >>> order_fields("Extract the fields: order A-10234 of 2025-03-03 over $49.90")
    {'orders': ['A-10234'], 'dates': ['2025-03-03'], 'amounts': ['$49.90']}
    """
    found = {name: re.findall(pattern, text, re.IGNORECASE) for name, pattern in FIELDS.items()}
    if not any(found.values()):
        raise LookupError("there is no order number, date or amount in this text")
    return found
