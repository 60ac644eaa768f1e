"""A sentence encoder distilled into a table: what a text means, in microseconds instead of milliseconds.

Hashed n-grams say which words a prompt has, not what they mean. An encoder knows, and costs more than many a model
that it would choose between. `distil` asks it about texts like those to come (no labels needed) and about every word
piece, and fits one vector per piece so that their sum is what the encoder says of the whole text.

>>> table = distil(texts, Encoder(Path("encoder/encoder.onnx"), Path("encoder/tokenizer.json")))  # doctest: +SKIP
>>> table.encode(["my card is lost", "I cannot find my card"]).shape  # doctest: +SKIP
(2, 256)

The table of single pieces with weights by rank is model2vec's (Tulkens & van Dongen 2024); here it is only the prior
of a ridge regression to the encoder's vectors of whole texts, which is what makes the table good:
`rust/learn/src/distil.rs`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._core import PieceCounts, StaticEmbedding, __version__
from ..errors import ArtifactError, MissingExtra
from .bert_graph import BertGraph
from .bert_weights import extra, read_json
from .encoder import Encoder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Matrix = NDArray[np.float32]

__all__ = ["GAIN", "Teacher", "distil"]

GAIN = "word meaning for routers and intents at a hundredth of an encoder's time; without it n-grams alone decide"
FEWEST_TEXTS = 100
HELD_OUT = 20  # every so manieth text is not fitted on; it tells how well the table agrees with the teacher
UNKNOWN = "[UNK]"
MAX_DIMENSIONS = 4096

Step = Callable[[str], AbstractContextManager[Callable[[float], None]]]


def _silent(_: str) -> AbstractContextManager[Callable[[float], None]]:
    return nullcontext(lambda _: None)


@dataclass(frozen=True, slots=True)
class Teacher:
    """A converted encoder, as `ecology embeddings build` writes it, and what of it a table is made from."""

    encoder: Encoder
    digest: str
    pieces: tuple[str, ...]
    """The pieces that a text can hold, and the unknown one, by falling frequency."""
    ids: tuple[int, ...]
    """Their numbers in the encoder's vocabulary."""
    onnx: Path

    @classmethod
    def open(cls, folder: Path, threads: int = 1) -> Teacher:
        """Open `encoder.onnx` and `tokenizer.json` in `folder`.

        Raises:
            MissingExtra: a library of the extra is not installed.
            ArtifactError: a file is absent, or the tokenizer is not a lower-case WordPiece one.
        """
        onnx, tokenizer = folder / "encoder.onnx", folder / "tokenizer.json"
        try:
            encoder = Encoder(onnx, tokenizer, threads)
            extra("onnx")
        except MissingExtra as error:
            raise MissingExtra(error.extra, f"{error.needs} ({GAIN})", error.install) from error
        vocabulary = _vocabulary(tokenizer)
        with onnx.open("rb") as file:
            digest = f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
        return cls(encoder, digest, tuple(vocabulary), tuple(vocabulary.values()), onnx)

    def piece_vectors(self, progress: Callable[[float], None] = lambda _: None, batch_size: int = 256) -> Matrix:
        """What the encoder makes of each piece alone, at its own position: float32 [pieces, hidden]."""
        import numpy as np

        session, output, first, last = self._open_layer()
        vectors = []
        for start in range(0, len(self.ids), batch_size):
            batch = np.array(self.ids[start : start + batch_size], np.int64)
            framed = np.stack([np.full_like(batch, first), batch, np.full_like(batch, last)], axis=1)
            feed = dict(zip(BertGraph.INPUTS, (framed, np.ones_like(framed)), strict=True))
            vectors.append(session.run([output], feed)[0][:, 1])
            progress(min(1.0, (start + batch_size) / len(self.ids)))
        return np.concatenate(vectors).astype(np.float32)

    def _open_layer(self) -> tuple[Any, str, int, int]:
        """A session that also gives the last layer, its name, and the ids that stand around a text."""
        onnx, runtime = extra("onnx"), extra("onnxruntime")
        model = onnx.load(self.onnx)
        norms = [node.output[0] for node in model.graph.node if node.op_type == "LayerNormalization"]
        if not norms:
            raise ArtifactError(str(self.onnx), "it has no layers of BERT", "build it with `ecology embeddings build`")
        shape = ["batch", "seq", self.encoder.dimension]
        model.graph.output.append(onnx.helper.make_tensor_value_info(norms[-1], onnx.TensorProto.FLOAT, shape))
        options = runtime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        session = runtime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        first, last = self.encoder.ids("")
        return session, norms[-1], first, last


def distil(
    texts: Iterable[str],
    teacher: Teacher,
    *,
    dimensions: int = 256,
    lambda_: float = 0.3,
    steps: int = 25,
    step: Step = _silent,
) -> StaticEmbedding:
    """A static embedding of `dimensions` that says of texts like `texts` what the teacher says of them.

    Texts that are equal count once; every twentieth is held out and gives `agreement` in the provenance: the mean
    cosine to the teacher's vector. 10,000 texts take the teacher half a minute to some minutes, the fit less than one.
    Equal texts, teacher and options give an equal table on one machine.

    Args:
        texts: at least 100 different ones, like those to come; no labels.
        teacher: whose vectors are aimed at.
        dimensions: 1 to the teacher's; 256 of MiniLM's 384 lose nothing that was measured.
        lambda_: weight of the prior, above 0; from 0.1 to 1 nothing changes.
        steps: of conjugate gradients.
        step: opens a progress bar for each stage.

    Raises:
        ValueError: fewer than 100 different texts, or an option outside its range.
    """
    import numpy as np

    different = list(dict.fromkeys(text for text in texts if text.strip()))
    if len(different) < FEWEST_TEXTS:
        problem = f"{len(different)} different texts are too few to fit a vector per word piece"
        raise ValueError(f"{problem}; give at least {FEWEST_TEXTS}, better 10,000, like those to come")
    if not 1 <= dimensions <= teacher.encoder.dimension:
        raise ValueError(f"dimensions is {dimensions}; give 1 to the teacher's {teacher.encoder.dimension}")
    with step(f"teacher: {len(different):,} texts") as tell:
        vectors = teacher.encoder.encode(different, progress=lambda done, all_: tell(done / all_))
    with step(f"teacher: {len(teacher.pieces):,} word pieces") as tell:
        prior = teacher.piece_vectors(tell)
    with step("fit") as tell:
        # Rotated first: the directions that are left out need no fit.
        vectors = vectors @ _principal(vectors, dimensions)
        held_out = np.arange(len(different)) % HELD_OUT == HELD_OUT - 1
        fitted = [text for text, out in zip(different, held_out, strict=True) if not out]
        counts = PieceCounts(teacher.pieces, fitted)
        prior = _prior(prior, teacher.ids, counts, vectors[~held_out])
        table = counts.distil(vectors[~held_out], prior, lambda_, steps, tell)
    rows, scales = _integers(table)
    weights = np.ones_like(scales)
    embedding = StaticEmbedding(teacher.pieces, rows, scales, weights)
    tested = [text for text, out in zip(different, held_out, strict=True) if out]
    provenance = {
        "teacher": teacher.digest,
        "texts": len(different),
        "texts_digest": f"sha256:{hashlib.sha256(json.dumps(different).encode()).hexdigest()}",
        "dimensions": dimensions,
        "lambda": lambda_,
        "steps": steps,
        "agreement": round(float((embedding.encode(tested) * vectors[held_out]).sum(axis=1).mean()), 4),
        "ecology": __version__,
    }
    return StaticEmbedding(teacher.pieces, rows, scales, weights, json.dumps(provenance))


def _vocabulary(path: Path) -> dict[str, int]:
    """Pieces and their numbers, without those that no text can hold."""
    document = read_json(path)
    model, normalizer = document.get("model") or {}, document.get("normalizer") or {}
    plain = normalizer.get("type") == "BertNormalizer" and normalizer.get("lowercase") is True
    usual = model.get("continuing_subword_prefix") == "##" and model.get("unk_token") == UNKNOWN
    if model.get("type") != "WordPiece" or not (plain and usual):
        problem = "it is no lower-case WordPiece tokenizer of BERT, the only kind that a static embedding has"
        raise ArtifactError(str(path), problem, "distil an encoder of the BERT family, such as MiniLM")
    special = {token["content"] for token in document.get("added_tokens", ()) if token.get("special")} - {UNKNOWN}
    numbers = sorted(model["vocab"].items(), key=lambda item: item[1])
    return {piece: number for piece, number in numbers if piece not in special and not piece.startswith("[unused")}


def _principal(vectors: Matrix, dimensions: int) -> Matrix:
    """The rotation [hidden, dimensions] to the directions that hold most of the squares; nothing is centred."""
    import numpy as np

    exact = vectors.astype(np.float64)
    _, directions = np.linalg.eigh(exact.T @ exact)
    chosen = directions[:, ::-1][:, :dimensions]
    # Of two signs, the one whose largest part is positive.
    chosen = chosen * np.sign(chosen[np.abs(chosen).argmax(axis=0), np.arange(dimensions)])
    turned: Matrix = chosen.astype(np.float32)
    return turned


def _prior(vectors: Matrix, ids: tuple[int, ...], counts: PieceCounts, targets: Matrix) -> Matrix:
    """What the encoder says of single pieces: centred, weighted by log rank, turned so that texts meet `targets`."""
    import numpy as np

    centred = vectors - vectors.mean(axis=0)
    # The vocabulary is in the order of frequency: a rare piece says more (Zipf; model2vec weighs so too).
    weighted = (centred * np.log1p(np.array(ids, np.float32))[:, None]).astype(np.float32)
    texts = counts.project(weighted).astype(np.float64)
    squares = texts.T @ texts
    squares += np.eye(len(squares)) * (1e-3 * np.trace(squares) / len(squares) + 1e-9)
    turn = np.linalg.solve(squares, texts.T @ targets.astype(np.float64))
    prior: Matrix = (weighted @ turn.astype(np.float32)).astype(np.float32)
    return prior


def _integers(table: Matrix) -> tuple[NDArray[np.int8], Matrix]:
    """int8 rows and a scale for each: no loss in the fourth decimal of any cosine."""
    import numpy as np

    scales = np.abs(table).max(axis=1) / 127
    scales[scales == 0] = 1
    return np.rint(table / scales[:, None]).astype(np.int8), scales.astype(np.float32)
