"""An `onnx` member at work: a session on one thread, and what is fed to it.

onnxruntime is imported when the first session is opened, and its threads do not spin: a model that waits costs nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import _core
from ..errors import ArtifactError
from ..messages import Reply, read_input
from .encoder import Encoder
from .onnx import OnnxBackend

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float32]

__all__ = ["OnnxSession", "open_session"]


def open_session(path: Path, threads: int = 1) -> Any:
    """An onnxruntime session on the processor.

    Raises:
        ArtifactError: the file is not a model that onnxruntime can run.
    """
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises classes of its own C++ module, with no common base
        raise ArtifactError(str(path), f"onnxruntime cannot open it: {error}", "export the model again") from error


class OnnxSession:
    """Callable with an input; returns a `Reply` with the label and its probability, or with the raw array."""

    def __init__(self, config: OnnxBackend, root: Path) -> None:
        self._labels = config.labels
        self._probabilities = config.probabilities
        self._temperature = config.temperature
        self._session = open_session(root / config.path, config.threads)
        inputs = self._session.get_inputs()
        if len(inputs) != 1:
            names = ", ".join(one.name for one in inputs)
            raise ArtifactError(str(root / config.path), f"it has {len(inputs)} inputs ({names})", "export it with one")
        self._name: str = inputs[0].name
        self._width = inputs[0].shape[-1] if inputs[0].shape else None
        self._path = str(root / config.path)
        self._encoder: Encoder | None = None
        if config.input == "text" and config.encoder is not None and config.tokenizer is not None:
            self._encoder = Encoder(root / config.encoder, root / config.tokenizer, threads=config.threads)
        reader: dict[str, Callable[[Any], Floats]] = {
            "tensor": self._tensor,
            "features": self._features,
            "text": self._embedding,
        }
        self._read = reader[config.input]

    def __call__(self, data: Any) -> Reply:
        """Run the model on one input.

        Raises:
            ValueError: the input or the output has another shape than the model or the labels say.
        """
        row = self._read(data)
        scores = self._session.run(None, {self._name: row})[0]
        if self._labels is None:
            return Reply(scores)
        return self._label(scores)

    def _label(self, scores: Floats) -> Reply:
        import numpy as np

        flat = scores.reshape(-1)
        labels = self._labels or ()
        if flat.size != len(labels):
            raise ValueError(f"the output has {flat.size} numbers for {len(labels)} labels")
        if not np.isfinite(flat).all():
            raise ValueError("the output holds NaN or infinity")
        best = int(flat.argmax())
        if self._probabilities:
            return Reply(labels[best], confidence=float(flat[best]))
        spread = np.exp((flat - flat[best]) / self._temperature, dtype=np.float64)
        return Reply(labels[best], confidence=float(1.0 / spread.sum()))

    def _tensor(self, data: Any) -> Floats:
        import numpy as np

        return np.ascontiguousarray(data, dtype=np.float32)

    def _features(self, data: Any) -> Floats:
        import numpy as np

        # A pass of its own: the dense row is a function of the width that the model was trained with.
        if not isinstance(self._width, int) or self._width & (self._width - 1):
            raise ValueError(f"{self._path} reads {self._width} features; a power of two is needed")
        spec = json.loads(_core.default_features()) | {"buckets_log2": self._width.bit_length() - 1}
        indices, values = _core.extract(_text(data), json.dumps(spec))
        row: Floats = np.zeros((1, self._width), dtype=np.float32)
        np.add.at(row[0], indices, values)
        return row

    def _embedding(self, data: Any) -> Floats:
        if self._encoder is None:
            raise ValueError("no encoder was given")
        return self._encoder.encode([_text(data)])


def _text(data: Any) -> str:
    return read_input(data)[0]
