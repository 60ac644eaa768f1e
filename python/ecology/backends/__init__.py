"""What configures each kind of member. One file per backend; `BackendConfig` is the union of them."""

from .callable import CallableBackend
from .linear import LinearBackend
from .mock import MockBackend
from .onnx import OnnxBackend
from .openai import OpenAIBackend

__all__ = ["BackendConfig", "CallableBackend", "LinearBackend", "MockBackend", "OnnxBackend", "OpenAIBackend"]

BackendConfig = LinearBackend | OnnxBackend | CallableBackend | OpenAIBackend | MockBackend
