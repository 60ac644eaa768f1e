"""The words that prompts are made of: our own list, and a long tail made of syllables.

A real vocabulary has a few words that are everywhere and very many that are rare. Both matter here: a peer that keeps
a dictionary of words pays for its size, and a hash table that fits in a cache is not the one that serves.
"""

from __future__ import annotations

import random

__all__ = ["COMMON", "made_up"]


def _split(words: str) -> tuple[str, ...]:
    return tuple(words.split())


COMMON = _split(
    """
    the of and to a in is it you that he was for on are with as I his they be at one have this from or had by not but
    what all were when we there can an your which their said if do will each about how up out them then she many some
    so these would other into has more her two like him see time could no make than first been its who now people my
    made over did down only way find use may water long little very after words called just where most know get through
    back much before go good new write our used me man too any day same right look think also around another came come
    work three word must because does part even place well such here take why things help put years different away
    again off went old number great tell men say small every found still between name should home big give air line set
    own under read last never us left end along while might next sound below saw something thought both few those
    always looked show large often together asked house world going want school important until form food keep children
    feet land side without boy once animals life enough took sometimes four head above kind began almost live page got
    earth need far hand high year mother light parts country father let night following picture being study second eyes
    soon times story boys since white days ever paper hard near sentence better best across during today others however
    sure means knew try told young miles sun ways thing whole hear example heard several change answer room sea against
    top turned learn point city play toward five using himself usually money seen car morning given please explain
    could summarise list compare describe short table code function step result return value error message customer
    """
)

_ONSETS = _split(
    "b bl br c ch cl cr d dr f fl fr g gl gr h j k l m n p ph pl pr qu r s sc sh sl sp st str t th tr v w z"
)
_NUCLEI = _split("a ai au e ea ee i ia o oa oo ou u")
_CODAS = ("", "", "", *_split("ck d g l ll m n nd ng nt p r rd rn s sh st t x"))


def made_up(n: int, seed: int) -> list[str]:
    """`n` different words of 1 to 4 syllables that are not in `COMMON`."""
    chance = random.Random(seed)
    seen = set(COMMON)
    words: list[str] = []
    while len(words) < n:
        syllables = chance.choices((1, 2, 3, 4), weights=(1, 4, 3, 1))[0]
        word = "".join(
            chance.choice(_ONSETS) + chance.choice(_NUCLEI) + chance.choice(_CODAS) for _ in range(syllables)
        )
        if word not in seen:
            seen.add(word)
            words.append(word)
    return words
