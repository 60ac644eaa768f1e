"""What configures each kind of member: a file per kind. `protocol.py` says what a backend is, `kinds.py` which.

>>> from ecology.backends import known
>>> sorted(known())[:3]
['callable', 'linear', 'mock']
"""

from typing import Annotated

from pydantic import PlainValidator, SerializeAsAny

from .callable import CallableBackend
from .kinds import find, known, read, register, supplier
from .linear import LinearBackend
from .mock import MockBackend
from .onnx import OnnxBackend
from .openai import OpenAIBackend
from .protocol import Backend, Terms
from .router import RouterBackend

__all__ = [
    "Backend",
    "BackendConfig",
    "CallableBackend",
    "LinearBackend",
    "MockBackend",
    "OnnxBackend",
    "OpenAIBackend",
    "RouterBackend",
    "Terms",
    "find",
    "known",
    "register",
    "supplier",
]

BackendConfig = Annotated[SerializeAsAny[Backend], PlainValidator(read)]
"""A field that holds a backend of any kind."""
