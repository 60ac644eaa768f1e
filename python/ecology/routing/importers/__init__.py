"""Outcomes from what other routers, gateways and benchmarks have written. One file each; `ecology outcomes import`."""

from .decisions import from_decisions
from .litellm import from_litellm
from .openai import from_openai
from .routellm import from_routellm
from .routerbench import from_routerbench

__all__ = ["from_decisions", "from_litellm", "from_openai", "from_routellm", "from_routerbench"]
