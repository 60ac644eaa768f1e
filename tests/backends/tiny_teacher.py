"""A sentence encoder of two layers and random weights, with a tokenizer of letters: what tests distil."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from ecology.backends.bert_weights import BertShape
from ecology.backends.minilm import TeacherFiles

__all__ = ["write_teacher"]

PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[unused0]", *"abcdefghijklmnopqrstuvwxyz", "##s", "##e", "card", "rate"]
SHAPE = BertShape(2, 2, 16, feed_forward=32, vocabulary=len(PIECES), positions=40, token_types=2)
CONFIG = {
    "model_type": "bert",
    "hidden_act": "gelu",
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "hidden_size": 16,
    "intermediate_size": 32,
    "vocab_size": len(PIECES),
    "max_position_embeddings": 40,
    "type_vocab_size": 2,
    "layer_norm_eps": 1e-12,
}


def write_teacher(home: Path, tokenizers: Any, save_file: Any, *, lowercase: bool = True) -> TeacherFiles:
    """Write the files in the layout of sentence-transformers."""
    home.mkdir(parents=True, exist_ok=True)
    (home / "config.json").write_text(json.dumps(CONFIG))
    (home / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 30}))
    rng = np.random.default_rng(7)
    weights = {}
    for name, dimensions in SHAPE.tensors().items():
        centre = 1.0 if name.endswith("LayerNorm.weight") else 0.0
        # Order hardly counts and layers turn little, so that a sum over pieces can come near.
        spread = 0.4 if "word" in name else 0.1 if "layer" in name else 0.01
        weights[name] = (centre + spread * rng.standard_normal(dimensions)).astype(np.float32)
    save_file(weights, home / "model.safetensors")
    model = tokenizers.models.WordPiece({piece: row for row, piece in enumerate(PIECES)}, unk_token="[UNK]")
    tokenizer = tokenizers.Tokenizer(model)
    tokenizer.normalizer = tokenizers.normalizers.BertNormalizer(lowercase=lowercase)
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = tokenizers.processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.add_special_tokens(PIECES[:4])
    tokenizer.save(str(home / "tokenizer.json"))
    files = (home / name for name in ("model.safetensors", "tokenizer.json", "config.json"))
    return TeacherFiles(*files, "tiny", "1")
