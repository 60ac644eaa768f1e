"""A converted sentence encoder, open: texts in, unit vectors out.

The files are those of `minilm.build`. Only onnxruntime and tokenizers are needed here, and no network.

>>> encoder = Encoder(Path("encoder/encoder.onnx"), Path("encoder/tokenizer.json"))  # doctest: +SKIP
>>> lost, missing, weather = encoder.encode(  # doctest: +SKIP
...     ["my card is lost", "I cannot find my card", "what a fine day"])
>>> bool(lost @ missing > lost @ weather)  # doctest: +SKIP
True
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ArtifactError, InvalidUtf8, MissingExtra
from .bert_graph import BertGraph
from .bert_weights import extra

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["PROPERTY", "Encoder"]

PROPERTY = "ecology."  # begins each key that a build writes into the graph's metadata
UNKNOWN_POSITIONS = 512  # BERT's, for a graph that does not say
REBUILD = "write it again with `ecology embeddings build`"


class Encoder:
    """Texts in, unit vectors out; holds one session, may be shared between threads.

    Args:
        onnx: `encoder.onnx` as `minilm.build` wrote it, or another graph with the inputs and output of one.
        tokenizer: the `tokenizer.json` beside it.
        threads: of one call; 1 leaves the other cores to other requests.
        max_tokens: a text is cut to this many, the two special ones included; by default what the graph says,
            256 for MiniLM.

    Raises:
        MissingExtra: onnxruntime or tokenizers is not installed.
        ArtifactError: a file is absent, or is not what it should be.
        ValueError: `threads` below 1, or `max_tokens` outside of 3 to the positions that the model has.
    """

    def __init__(self, onnx: Path, tokenizer: Path, threads: int = 1, max_tokens: int | None = None) -> None:
        if threads < 1:
            raise ValueError(f"threads is {threads}; give 1 or more")
        self._session = _session(onnx, threads)
        said = self._session.get_modelmeta().custom_metadata_map
        self._tokenizer = _open_tokenizer(tokenizer)
        positions = int(said.get(f"{PROPERTY}positions", UNKNOWN_POSITIONS))
        if max_tokens is None:
            max_tokens = int(said.get(f"{PROPERTY}max_tokens", positions))
        if not 3 <= max_tokens <= positions:
            raise ValueError(f"max_tokens is {max_tokens}; {onnx} takes 3 to {positions}")
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(max_tokens)
        self.max_tokens = max_tokens
        self.vocabulary: int = self._tokenizer.get_vocab_size()
        self.dimension: int = self._session.get_outputs()[0].shape[1]
        # Dynamic quantisation takes one range over the whole batch: neighbours and padding moved a component
        # by up to 0.05. So a graph that is not known to be fp32 sees one text at a time.
        self.batches = said.get(f"{PROPERTY}precision") == "fp32"

    def encode(
        self,
        texts: Sequence[str],
        batch_size: int = 32,
        progress: Callable[[int, int], None] | None = None,
    ) -> NDArray[np.float32]:
        """The vectors of `texts`: float32 [len(texts), dimension], in their order, each of L2 norm 1.

        A row depends on its own text only: exactly in int8, up to a rounding of 1e-7 in fp32. The longest go
        first, in batches of like length, so that little is padded. `progress(done, all)` follows each batch.

        Raises:
            InvalidUtf8: a text holds a lone surrogate.
            TypeError: `texts` is one string, or holds something else than strings.
            ValueError: `batch_size` is below 1.
        """
        import numpy as np

        if isinstance(texts, str):
            raise TypeError("encode() takes a sequence of texts; write encode([text])")
        if batch_size < 1:
            raise ValueError(f"batch_size is {batch_size}; give 1 or more")
        rows = [self.ids(text) for text in texts]
        order = sorted(range(len(rows)), key=lambda row: -len(rows[row]))
        vectors = np.empty((len(rows), self.dimension), np.float32)
        for start in range(0, len(order), batch_size):
            batch = order[start : start + batch_size]
            if self.batches:
                vectors[batch] = self._run([rows[row] for row in batch])
            else:
                for row in batch:
                    vectors[row] = self._run([rows[row]])[0]
            if progress is not None:
                progress(start + len(batch), len(order))
        return vectors

    def tokens(self, text: str) -> int:
        """How many tokens of `text` the model reads: 2 to `max_tokens`. Raises as `ids`."""
        return len(self.ids(text))

    def ids(self, text: str) -> list[int]:
        """The tokens of `text` as the model reads them, special ones included.

        Raises:
            InvalidUtf8: it holds a lone surrogate.
        """
        try:
            ids: list[int] = self._tokenizer.encode(text).ids
        except TypeError as error:  # what it makes of a lone surrogate, and of no string at all
            _whole(text)
            raise TypeError(f"a text is a str, not {type(text).__name__}") from error
        return ids

    def _run(self, rows: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        """One call, padded on the right with id 0 and mask 0."""
        import numpy as np

        ids = np.zeros((len(rows), max(map(len, rows))), np.int64)
        mask = np.zeros_like(ids)
        for at, row in enumerate(rows):
            ids[at, : len(row)] = row
            mask[at, : len(row)] = 1
        feed = dict(zip(BertGraph.INPUTS, (ids, mask), strict=True))
        vectors: NDArray[np.float32] = self._session.run([BertGraph.OUTPUT], feed)[0]
        return vectors


def _session(path: Path, threads: int) -> Any:
    runtime = extra("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = 3
    try:
        session = runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its exceptions have no base of their own
        raise ArtifactError(str(path), f"it cannot be opened ({_first_line(error)})", REBUILD) from error
    inputs = [node.name for node in session.get_inputs()]
    outputs = [node.name for node in session.get_outputs()]
    if set(inputs) != set(BertGraph.INPUTS) or outputs != [BertGraph.OUTPUT]:
        problem = f"it is no encoder: its inputs are {', '.join(inputs)}, its outputs {', '.join(outputs)}"
        raise ArtifactError(str(path), problem, REBUILD)
    shape = session.get_outputs()[0].shape
    if len(shape) != 2 or not isinstance(shape[1], int):
        raise ArtifactError(str(path), f"its embedding is {shape}, not [batch, a number]", REBUILD)
    return session


def _open_tokenizer(path: Path) -> Any:
    try:
        return extra("tokenizers").Tokenizer.from_file(str(path))
    except MissingExtra:
        raise
    except Exception as error:  # it raises Exception itself
        fix = "give the tokenizer.json that was written beside the encoder"
        raise ArtifactError(str(path), f"it is not a tokenizer ({_first_line(error)})", fix) from error


def _whole(text: object) -> None:
    """Raises InvalidUtf8 at a lone surrogate, which no encoding of text can hold."""
    if isinstance(text, str):
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise InvalidUtf8(position=error.start) from error


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
