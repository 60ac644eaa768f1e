"""Prompts and outcomes, made by seed: no data set is needed, and no peer has seen the test prompts.

Every prompt has a topic, and every model is good at one topic: a router that has learned anything finds it. Lengths
are those of the row in SPEED.md: 5 to 400 words, median 49 (log-normal, σ = 0.9, cut at both ends).
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from itertools import accumulate
from math import exp, log

from words import COMMON, made_up

__all__ = ["Corpus", "make_corpus"]

SHORTEST, MEDIAN, LONGEST, SIGMA = 5, 49, 400, 0.9
TAIL_WORDS = 8_000
WORDS_PER_TOPIC = 12
# Of all words, how many are rare, and how many are about the topic.
TAIL_SHARE, TOPIC_SHARE = 0.15, 0.15


@dataclass(frozen=True)
class Corpus:
    """`train` and `test` hold (prompt, name of the model that is good at it)."""

    models: tuple[str, ...]
    train: list[tuple[str, str]]
    test: list[tuple[str, str]]
    kilobytes_32: list[str]
    megabyte: list[str]

    @property
    def prompts(self) -> list[str]:
        """The test prompts."""
        return [prompt for prompt, _ in self.test]


def make_corpus(models: int, train: int, test: int, seed: int = 0) -> Corpus:
    """Prompts for that many models; the same seed gives the same prompts."""
    writer = _Writer(models, seed)
    names = tuple(f"m{number:03}" for number in range(models))

    def rows(count: int) -> list[tuple[str, str]]:
        # Every topic as often as every other, in an order that says nothing.
        topics = [row % models for row in range(count)]
        writer.chance.shuffle(topics)
        return [(writer.prompt(topic, writer.length()), names[topic]) for topic in topics]

    return Corpus(
        models=names,
        train=rows(train),
        test=rows(test),
        kilobytes_32=[writer.sized(topic % models, 32 * 1024) for topic in range(8)],
        megabyte=[writer.sized(topic % models, 1024 * 1024) for topic in range(2)],
    )


class _Writer:
    def __init__(self, topics: int, seed: int) -> None:
        self.chance = random.Random(f"ecology peers {topics} {seed}")
        words = made_up(TAIL_WORDS + topics * WORDS_PER_TOPIC, seed)
        self.tail = words[:TAIL_WORDS]
        self.topics = [words[TAIL_WORDS + at * WORDS_PER_TOPIC :][:WORDS_PER_TOPIC] for at in range(topics)]
        # Zipf: the k-th word is 1 / k as frequent as the first.
        self.zipf = list(accumulate(1 / rank for rank in range(1, len(COMMON) + 1)))

    def length(self) -> int:
        while True:
            words = round(exp(self.chance.gauss(log(MEDIAN), SIGMA)))
            if SHORTEST <= words <= LONGEST:
                return words

    def prompt(self, topic: int, words: int) -> str:
        chance = self.chance
        common = chance.choices(COMMON, cum_weights=self.zipf, k=words)
        out = []
        for at, word in enumerate(common):
            draw = chance.random()
            if draw < TOPIC_SHARE or at == words // 2:  # at least one word is about the topic
                word = chance.choice(self.topics[topic])
            elif draw < TOPIC_SHARE + TAIL_SHARE:
                word = chance.choice(self.tail)
            out.append(word + chance.choices(("", ",", ".", "?"), weights=(17, 1, 1, 1))[0])
        text = " ".join(out)
        return text[:1].upper() + text[1:]

    def sized(self, topic: int, size: int) -> str:
        """A prompt of exactly `size` bytes."""
        text = self.prompt(topic, size // 5)
        while len(text) < size:
            text += " " + self.prompt(topic, size // 20)
        return text[:size]
