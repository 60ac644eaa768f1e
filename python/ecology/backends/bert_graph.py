"""A BERT sentence encoder as an ONNX graph: token ids in, one unit vector a text out.

The layout is what measured fastest in onnxruntime on one CPU thread, in operators of the standard only:

* Opset 20 is the first with `Gelu` and the last before `LpNormalization` was revised; onnxruntime 1.24, the
  oldest we support, has no kernel for that revision.
* A residual is `Sum`, not `Add`. onnxruntime fuses `Add` + `LayerNormalization` to `SkipLayerNormalization`,
  whose CPU kernel is scalar: 2 µs a row of 384 where the two apart take 0.4 µs, 17 % of the int8 encoder.
* Query, key and value stay three products, as in the checkpoint: a packed one needs a `Split` that copies.
  The contributed `EmbedLayerNormalization` and `Attention` were no faster, and no other runtime has them.

>>> BertGraph.OUTPUT, BertGraph.INPUTS
('embedding', ('input_ids', 'attention_mask'))
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .bert_weights import BertShape, extra

if TYPE_CHECKING:
    from .bert_weights import Weights

__all__ = ["BertGraph"]

OPSET = 20
IR_VERSION = 9  # the one that belongs to the opset; the helper would write its own newest
MASKED = -10_000.0  # added to the score of a padded position; its exponential is 0 in float32


class BertGraph:
    """Builds one graph; a method per part of the network, in the order of the network.

    Inputs `input_ids` and `attention_mask`: int64 [batch, seq], any sizes with seq at most `shape.positions`,
    padded on the right. Output `embedding`: float32 [batch, hidden], each of L2 norm 1 (0 if all is masked).
    """

    INPUTS = ("input_ids", "attention_mask")
    OUTPUT = "embedding"

    def __init__(self, shape: BertShape, weights: Weights) -> None:
        self.shape = shape
        self.weights = weights
        self.onnx: Any = extra("onnx")
        self.nodes: list[Any] = []
        self.tensors: dict[str, Any] = {}

    def model(self, metadata: Mapping[str, str] | None = None) -> Any:
        """The whole as an `onnx.ModelProto`, with `metadata` as its properties.

        Raises:
            MissingExtra: onnx is not installed.
        """
        helper, kinds = self.onnx.helper, self.onnx.TensorProto
        x = self._embeddings()
        bias = self._mask_bias()
        for layer in range(self.shape.layers):
            x = self._layer(x, bias, f"encoder.layer.{layer}")
        self._pool(x)
        graph = helper.make_graph(
            self.nodes,
            "bert",
            [helper.make_tensor_value_info(name, kinds.INT64, ["batch", "seq"]) for name in self.INPUTS],
            [helper.make_tensor_value_info(self.OUTPUT, kinds.FLOAT, ["batch", self.shape.hidden])],
            list(self.tensors.values()),
        )
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
            producer_name="ecology",
        )
        helper.set_model_props(model, dict(metadata or {}))
        return model

    # --- the network ----------------------------------------------------------------------------------

    def _embeddings(self) -> str:
        """[batch, seq, hidden]: word + position, token type 0 folded into the positions, normalised."""
        tables = [f"embeddings.{name}_embeddings.weight" for name in ("word", "position", "token_type")]
        words, positions, types = (self.weights[name] for name in tables)
        seq = self._op("Shape", ["input_ids"], "seq", start=1, end=2)
        rows = [self._tensor("embeddings.positions", positions + types[0]), self._ints("first", [0]), seq]
        word = self._op("Gather", [self._tensor("embeddings.words", words), "input_ids"], "embeddings.word")
        position = self._op("Slice", [*rows, "first"], "embeddings.position")
        return self._norm(self._op("Sum", [word, position], "embeddings.sum"), "embeddings.LayerNorm")

    def _mask_bias(self) -> str:
        """[batch, 1, 1, seq]: 0 where a token is, `MASKED` where padding is."""
        mask = self._op("Cast", ["attention_mask"], "mask", to=self.onnx.TensorProto.FLOAT)
        mask = self._op("Unsqueeze", [mask, self._ints("heads_and_queries", [1, 2])], "mask.keys")
        padding = self._op("Sub", [self._scalar("one", 1.0), mask], "padding")
        return self._op("Mul", [padding, self._scalar("masked", MASKED)], "mask.bias")

    def _layer(self, x: str, bias: str, at: str) -> str:
        attended = self._attention(x, bias, f"{at}.attention.self")
        x = self._residual(attended, x, f"{at}.attention.output")
        wide = self._op("Gelu", [self._dense(x, f"{at}.intermediate.dense")], f"{at}.gelu")
        return self._residual(wide, x, f"{at}.output")

    def _attention(self, x: str, bias: str, at: str) -> str:
        """[batch, seq, hidden] → the same: softmax(q kᵀ / √head_size + bias) v, head by head."""
        shape = self.shape
        split = self._ints("split", [0, 0, shape.heads, shape.head_size])
        merge = self._ints("merge", [0, 0, shape.hidden])

        def heads(name: str, perm: Sequence[int]) -> str:
            parts = self._op("Reshape", [self._dense(x, f"{at}.{name}"), split], f"{at}.{name}.heads")
            return self._op("Transpose", [parts], f"{at}.{name}.turned", perm=perm)

        query, key = heads("query", (0, 2, 1, 3)), heads("key", (0, 2, 3, 1))
        scores = self._op("MatMul", [query, key], f"{at}.products")
        scores = self._op("Mul", [scores, self._scalar("scale", shape.head_size**-0.5)], f"{at}.scaled")
        scores = self._op("Add", [scores, bias], f"{at}.masked")
        shares = self._op("Softmax", [scores], f"{at}.shares", axis=-1)
        mixed = self._op("MatMul", [shares, heads("value", (0, 2, 1, 3))], f"{at}.mixed")
        mixed = self._op("Transpose", [mixed], f"{at}.turned", perm=(0, 2, 1, 3))
        return self._op("Reshape", [mixed, merge], f"{at}.merged")

    def _pool(self, x: str) -> None:
        """[batch, hidden]: the mean over tokens at L2 norm 1. Their number cancels, so a sum will do."""
        middle = self._ints("middle", [1])
        row = self._op("Unsqueeze", ["mask", middle], "mask.row")
        total = self._op("Squeeze", [self._op("MatMul", [row, x], "pool.sum"), middle], "pool.total")
        self._op("LpNormalization", [total], self.OUTPUT, axis=-1, p=2)

    # --- its parts ------------------------------------------------------------------------------------

    def _dense(self, x: str, at: str) -> str:
        """x Wᵀ + b, W stored turned: [in, out]."""
        weight = self._tensor(f"{at}.weight", self.weights[f"{at}.weight"].T)
        bias = self._tensor(f"{at}.bias", self.weights[f"{at}.bias"])
        return self._op("Add", [self._op("MatMul", [x, weight], f"{at}.product"), bias], f"{at}.out")

    def _residual(self, y: str, x: str, at: str) -> str:
        return self._norm(self._op("Sum", [self._dense(y, f"{at}.dense"), x], f"{at}.sum"), f"{at}.LayerNorm")

    def _norm(self, x: str, at: str) -> str:
        scale = self._tensor(f"{at}.weight", self.weights[f"{at}.weight"])
        shift = self._tensor(f"{at}.bias", self.weights[f"{at}.bias"])
        epsilon = self.shape.layer_norm_epsilon
        return self._op("LayerNormalization", [x, scale, shift], f"{at}.out", axis=-1, epsilon=epsilon)

    def _op(self, kind: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
        self.nodes.append(self.onnx.helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def _ints(self, name: str, values: Sequence[int]) -> str:
        import numpy as np

        return self._tensor(name, np.array(values, np.int64))

    def _scalar(self, name: str, value: float) -> str:
        import numpy as np

        return self._tensor(name, np.array(value, np.float32))

    def _tensor(self, name: str, values: Any) -> str:
        if name not in self.tensors:
            import numpy as np

            self.tensors[name] = self.onnx.numpy_helper.from_array(np.ascontiguousarray(values), name)
        return name
