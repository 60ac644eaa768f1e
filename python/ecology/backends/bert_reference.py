"""The slow, obvious twin of `bert_graph`: the same network in plain numpy, one text at a time, in float64.

Every conversion is compared with it. It shares no code with the graph, pads nothing and skips no division, so
that a mistake would have to be made twice.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from .bert_weights import BertShape

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from .bert_weights import Weights

    Array = NDArray[np.float64]

__all__ = ["embed"]


def embed(ids: Sequence[int], shape: BertShape, weights: Weights) -> Array:
    """The unit vector [hidden] of one text, given the ids of its tokens with the special ones.

    Devlin et al. 2019 §3 for the network; Reimers & Gurevych 2019 §3 for the mean over the tokens.
    """
    import numpy as np

    def tensor(name: str) -> Array:
        return weights[name].astype(np.float64)

    def dense(x: Array, at: str) -> Array:
        return x @ tensor(f"{at}.weight").T + tensor(f"{at}.bias")

    def norm(x: Array, at: str) -> Array:
        centred = x - x.mean(axis=-1, keepdims=True)
        variance = (centred**2).mean(axis=-1, keepdims=True)
        scaled = centred / np.sqrt(variance + shape.layer_norm_epsilon)
        shifted: Array = scaled * tensor(f"{at}.weight") + tensor(f"{at}.bias")
        return shifted

    words = weights["embeddings.word_embeddings.weight"][list(ids)].astype(np.float64)
    positions = tensor("embeddings.position_embeddings.weight")[: len(ids)]
    types = tensor("embeddings.token_type_embeddings.weight")[0]
    x = norm(words + positions + types, "embeddings.LayerNorm")
    for layer in range(shape.layers):
        at = f"encoder.layer.{layer}"
        query, key, value = (dense(x, f"{at}.attention.self.{part}") for part in ("query", "key", "value"))
        mixed = np.empty_like(x)
        for head in range(shape.heads):
            part = slice(head * shape.head_size, (head + 1) * shape.head_size)
            scores = query[:, part] @ key[:, part].T / math.sqrt(shape.head_size)
            mixed[:, part] = softmax(scores) @ value[:, part]
        x = norm(dense(mixed, f"{at}.attention.output.dense") + x, f"{at}.attention.output.LayerNorm")
        wide = gelu(dense(x, f"{at}.intermediate.dense"))
        x = norm(dense(wide, f"{at}.output.dense") + x, f"{at}.output.LayerNorm")
    mean: Array = x.mean(axis=0)
    unit: Array = mean / math.sqrt(float(mean @ mean))
    return unit


def softmax(scores: Array) -> Array:
    """Over the last axis.

    >>> import numpy as np
    >>> softmax(np.array([[0.0, 0.0]])).tolist()
    [[0.5, 0.5]]
    """
    import numpy as np

    shares: Array = np.exp(scores - scores.max(axis=-1, keepdims=True))
    shares /= shares.sum(axis=-1, keepdims=True)
    return shares


def gelu(x: Array) -> Array:
    """x Φ(x), with the error function itself and not its tanh approximation (Hendrycks & Gimpel 2016)."""
    import numpy as np

    erf = np.fromiter(map(math.erf, (x / math.sqrt(2)).ravel().tolist()), np.float64, x.size)
    return 0.5 * x * (1 + erf.reshape(x.shape))
