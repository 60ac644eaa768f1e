"""Our word pieces and those of the `tokenizers` library, on the vocabulary of MiniLM and on one made here."""

# ruff: noqa: RUF001  # characters that look like others are what the table is about

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ecology as eco
from ecology.backends.minilm import REFERENCE_TEXTS, find_teacher
from ecology.errors import ArtifactError, MissingExtra

tokenizers = pytest.importorskip("tokenizers", reason="needs the extra [embeddings]")

# What each is there for, then the text.
CONFORMANCE = {
    "case": "HELLO World hElLo",
    "contractions": "don't I'm they'd've",
    "all ASCII marks": "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~",
    "marks inside of words": "e-mail snake_case a.b.c 3.14 1,000 50% $5",
    "accents, composed and not": "Zażółć gęślą jaźń, cre\u0300me bru\u0302le\u0301e, naïve, Ångström, İstanbul ñandú",
    "ligatures and letters that do not decompose": "ﬁne straße Łódź ø æ œ ð þ ß ẞ",
    "Vietnamese, two accents on a letter": "Việt Nam ở đâu",
    "Greek and Cyrillic": "Πού είναι η κάρτα; Где моя карта ё й",
    "Arabic and Hebrew with points": "مَرْحَبًا שָׁלוֹם",
    "Hindi, Thai, Tamil": "नमस्ते สวัสดี வணக்கம்",
    "Chinese between letters": "card卡在哪里abc 㐀 豈 𠀀",
    "Japanese and Korean": "これは日本語の文です。 カード 한국어 각",
    "wide forms": "ＡＢＣ１２３！？",
    "general punctuation": "“quoted” ‘single’ – — … • ‰ ′ ″ ‹ › « » ¿ ¡ §",
    "symbols that are no punctuation": "€ £ ° © ™ → ≤ ≠ √ ∑ ÷ × ± ² ½",
    "emoji, joined and toned": "🙂🚀 👩\u200d💻 👍🏽 🥰 ❤\ufe0f",
    "control characters": "a\x00b c\x01d e\x7ff g\x85h i\x1cj k\x0bl m\x0cn",
    "white space": "a\tb\nc\rd e\u00a0f\u2003g\u2028h\u3000i",
    "invisible": "a\u00adb c\u200bd e\ufeffg h\u2060i \ufffd",
    "private use": "a\ue000b \U000f0000",
    "long words": "pneumonoultramicroscopicsilicovolcanoconiosis antidisestablishmentarianism",
    "as long as a word may be, and longer": f"{'a' * 100} {'a' * 101} {'é' * 100} {'é' * 101} {'中' * 120}",
    "numbers": "12345678901234567890 0x1F 1e-9 2024-05-01T12:30:00Z",
    "code": "def f(x: int) -> str:\n    return f'{x!r:>10}'  # ok\n",
    "nothing": "",
    "only space": " \n\t ",
    **{f"reference {at}": text for at, text in enumerate(REFERENCE_TEXTS)},
}


def plain(tokenizer: Any) -> tuple[Any, eco.StaticEmbedding]:
    """The library's side, without special tokens, and ours on its vocabulary."""
    tokenizer.no_padding()
    tokenizer.no_truncation()
    pieces = [piece for piece, _ in sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])]
    ones = np.ones(len(pieces), np.float32)
    return tokenizer, eco.StaticEmbedding(pieces, np.zeros((len(pieces), 1), np.int8), ones, ones)


@pytest.fixture(scope="module")
def minilm() -> tuple[Any, eco.StaticEmbedding]:
    try:
        file = find_teacher().tokenizer
    except (MissingExtra, ArtifactError) as error:
        pytest.skip(str(error))
    return plain(tokenizers.Tokenizer.from_file(str(file)))


@pytest.fixture(scope="module")
def small() -> tuple[Any, eco.StaticEmbedding]:
    letters = "abcdefghijklmnopqrstuvwxyz0123456789"
    marks = "!\"#$%&'()*+,-./:;<=>?@\\^_`{|}~"
    words = [
        "the",
        "card",
        "rate",
        "un",
        "happy",
        "##ness",
        "##happy",
        "##s",
        "ness",
        "中",
        "国",
        "я",
        "##я",
        "ß",
        "##中",
    ]
    pieces = ["[UNK]", *letters, *(f"##{letter}" for letter in letters[:20]), *marks, *words]
    model = tokenizers.models.WordPiece({piece: row for row, piece in enumerate(pieces)}, unk_token="[UNK]")
    tokenizer = tokenizers.Tokenizer(model)
    tokenizer.normalizer = tokenizers.normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    return plain(tokenizer)


def agree(pair: tuple[Any, eco.StaticEmbedding], text: str) -> None:
    library, ours = pair
    assert ours.pieces(text) == library.encode(text, add_special_tokens=False).tokens, ascii(text)


@pytest.mark.parametrize("text", CONFORMANCE.values(), ids=CONFORMANCE.keys())
def test_pieces_are_those_of_the_library(minilm: tuple[Any, Any], small: tuple[Any, Any], text: str) -> None:
    agree(minilm, text)
    agree(small, text)


# A special token that is written out is one token to the library; to us it is the words that it looks like.
SAFE = st.characters(exclude_characters="[]", exclude_categories=["Cs"])


@settings(max_examples=300, deadline=None)
@given(st.text(st.characters(max_codepoint=127, exclude_characters="[]"), max_size=200))
def test_pieces_of_any_ascii_are_those_of_the_library(
    minilm: tuple[Any, Any], small: tuple[Any, Any], text: str
) -> None:
    agree(minilm, text)
    agree(small, text)


@settings(max_examples=300, deadline=None)
@given(st.text(SAFE, max_size=60))
def test_pieces_of_any_text_are_those_of_the_library(minilm: tuple[Any, Any], text: str) -> None:
    agree(minilm, text)


def test_a_special_token_that_is_written_out_is_words(minilm: tuple[Any, eco.StaticEmbedding]) -> None:
    assert minilm[1].pieces("[MASK] [CLS]") == ["[", "mask", "]", "[", "cl", "##s", "]"]
