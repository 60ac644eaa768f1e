"""What configures each kind of member. One file per backend; `BackendConfig` is the union of them."""

from .callable import CallableBackend
from .linear import LinearBackend
from .onnx import OnnxBackend
from .openai import OpenAIBackend

__all__ = ["BackendConfig", "CallableBackend", "LinearBackend", "OnnxBackend", "OpenAIBackend"]

BackendConfig = LinearBackend | OnnxBackend | CallableBackend | OpenAIBackend
