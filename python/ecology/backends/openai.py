"""Configures an `openai` member: a model behind any server that speaks the OpenAI protocol.

vLLM, llama.cpp, Ollama, OpenAI itself, a gateway, or an adapter that a server offers under a name of its own. The
prompt, the template and the sampling parameters belong to the model: they are in its digest, and another prompt is
another version.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import ConfigDict, Field, JsonValue, field_validator, model_validator

from .. import _core
from ..errors import ArtifactError
from .protocol import UNBOUND, Backend, Terms
from .secret import SecretReference, read_secret

__all__ = ["OpenAIBackend"]

MOST_CONNECT_MS = 5_000

Milliseconds = Annotated[int, Field(gt=0, le=3_600_000)]

# What the member writes itself; a second word for it would be sent twice.
_OWN = frozenset({"model", "messages", "prompt", "input", "stream", "stream_options", "logprobs", "n"})

SAMPLING = frozenset(
    {
        "dimensions",
        "encoding_format",
        "frequency_penalty",
        "guided_choice",
        "guided_json",
        "guided_regex",
        "logit_bias",
        "metadata",
        "min_p",
        "parallel_tool_calls",
        "presence_penalty",
        "reasoning_effort",
        "repetition_penalty",
        "response_format",
        "seed",
        "service_tier",
        "stop",
        "store",
        "suffix",
        "temperature",
        "tool_choice",
        "tools",
        "top_k",
        "top_logprobs",
        "top_p",
        "user",
        "verbosity",
    }
)
"""Parameters that servers are known to read. Others are sent too; `check` asks about those that look misspelt."""


class OpenAIBackend(Backend):
    """One model on one server.

    * `base_url`: up to and including the version, as in `http://127.0.0.1:8000/v1`.
    * `model`: its name on the server; of an adapter, the adapter's (name its `base` in the manifest).
    * `api`: which call is made. `embeddings` give an array.
    * `api_key`: `env:NAME` or `file:path`; never the key itself.
    * `system`, `template`: what is said around the input. `{input}` stands for it; of a conversation, for the
      last turn.
    * `parameters`: `temperature`, `top_p`, `stop`, `seed`, `tools`, `response_format`, … as the protocol names them.
    * `max_tokens_name`: how the server calls the bound of `max_output_tokens`; newer models of OpenAI say
      `max_completion_tokens`.
    * `output`: what the text is read as: `text`, `label` (without the space around it) or `json`.
    * `confidence`: a leg confidence from the tokens' log-probabilities: `joint`, the probability of the whole
      output (for labels), or `mean` per token (for longer text). It is not calibrated: solve its threshold from
      outcomes.
    * `stream`: ask for the reply in events, so that `idle_timeout_ms` notices a server that has stopped writing.
    * `http2`: without negotiating, for a server that speaks nothing else on a plain connection; TLS negotiates it.
    * the bounds of each phase: `connect_timeout_ms` up to the connection (left out: half of the whole, at most 5 s, so
      that a server that is not there leaves time for a fallback), `first_byte_timeout_ms` from the start to the
      reply's head, `idle_timeout_ms` between two pieces of it. The whole is bounded by the manifest's `timeout_ms`.
    * `max_response_bytes`: what passes it is cut off and counted as lost.
    * `ca_file`: certificates (PEM) that are trusted instead of the system's, relative to the description.

    >>> OpenAIBackend(kind="openai", base_url="http://127.0.0.1:8000/v1", model="qwen2.5-0.5b").api
    'chat'

    Raises:
        ValidationError: among others, a template without `{input}`, a key in plain text, a parameter that the
        member writes itself, log-probabilities of an embedding.
    """

    FILES: ClassVar[tuple[str, ...]] = ("ca_file",)
    NATIVE: ClassVar[bool] = True
    # A key that stands in the wrong place is not repeated by the error about it.
    model_config = ConfigDict(hide_input_in_errors=True)

    kind: Literal["openai"]
    base_url: Annotated[str, Field(pattern=r"^https?://[^\s@]+$", max_length=2_000)]
    model: Annotated[str, Field(min_length=1)]
    api: Literal["chat", "completions", "embeddings"] = "chat"
    api_key: SecretReference | None = None
    system: str | None = None
    template: str = "{input}"
    parameters: dict[str, JsonValue] = Field(default_factory=dict)
    max_tokens_name: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    output: Literal["text", "label", "json"] = "text"
    confidence: Literal["none", "joint", "mean"] = "none"
    stream: bool = False
    http2: bool = False
    connect_timeout_ms: Milliseconds | None = None
    first_byte_timeout_ms: Milliseconds | None = None
    idle_timeout_ms: Milliseconds | None = None
    max_response_bytes: Annotated[int, Field(ge=1_024, le=1_000_000_000)] = 16_000_000
    ca_file: Annotated[str, Field(min_length=1)] | None = None

    @field_validator("template")
    @classmethod
    def _template_has_a_place(cls, template: str) -> str:
        if "{input}" not in template:
            raise ValueError("it has no place for the input; write {input} where it belongs")
        return template

    @field_validator("parameters")
    @classmethod
    def _parameters_are_not_written_twice(cls, parameters: dict[str, JsonValue]) -> dict[str, JsonValue]:
        own = sorted(_OWN & parameters.keys())
        bounds = sorted({"max_tokens", "max_completion_tokens"} & parameters.keys())
        if own or bounds:
            fixes = ["the member writes it from its other keys"] * bool(own)
            fixes += ["write max_output_tokens in the manifest"] * bool(bounds)
            raise ValueError(f"{', '.join(own + bounds)} cannot be set here; {', and '.join(fixes)}")
        return parameters

    @field_validator("base_url")
    @classmethod
    def _base_url_is_no_call(cls, base_url: str) -> str:
        for call in ("/chat/completions", "/completions", "/embeddings", "/models"):
            if base_url.rstrip("/").endswith(call):
                base = base_url.rstrip("/").removesuffix(call)
                raise ValueError(f'it goes on to {call}, which the member adds itself; write base_url = "{base}"')
        return base_url

    @model_validator(mode="after")
    def _embeddings_are_no_text(self) -> Self:
        if self.api == "embeddings":
            idle = [name for name in ("system", "output", "confidence", "stream") if name in self.model_fields_set]
            if idle:
                raise ValueError(f'{", ".join(idle)} would not be read with api = "embeddings"; leave it out')
        return self

    def key(self, root: Path) -> str | None:
        """The API key.

        Raises:
            ArtifactError: it is not where `api_key` says.
        """
        return None if self.api_key is None else read_secret(self.api_key, root)

    def open(self, root: Path, terms: Terms = UNBOUND) -> _core.Member:
        """The member that the core runs; it connects at its first call.

        Raises:
            ArtifactError: its key, its certificates or its address cannot be used.
        """
        facts: dict[str, Any] = self.model_dump(mode="json", exclude={"kind", "api_key", "ca_file"})
        facts["ca_file"] = None if self.ca_file is None else str(root / self.ca_file)
        facts["connect_timeout_ms"] = self.connect_timeout_ms or min(MOST_CONNECT_MS, max(1, terms.timeout_ms // 2))
        facts |= {"max_tokens": terms.max_output_tokens, "private_networks": terms.private_networks}
        return _core.openai_member(json.dumps(facts), self.key(root))

    def problems(self, root: Path) -> Iterator[tuple[str, str, str]]:
        """A key that is not where `api_key` says or cannot be sent, and certificates that are none."""
        parts: dict[str, dict[str, Any]] = {"api_key": {"ca_file": None}}
        if self.ca_file is not None and (root / self.ca_file).is_file():
            parts["ca_file"] = {"api_key": None, "base_url": "https://localhost"}
        for name, others in parts.items():
            try:
                self.model_copy(update={"base_url": "http://localhost"} | others).open(root)
            except ArtifactError as error:
                where = error.path if error.path == self.api_key else getattr(self, name)
                yield name, f"{where}: {error.problem}", error.fix

    def forbidden(self, root: Path, terms: Terms) -> Iterator[tuple[str, str, str]]:
        """An address that is none, or that the policy's network does not allow. No name is resolved."""
        # What an address is does not hang on its certificates, which are read for https only.
        plain = {"api_key": None, "ca_file": None, "base_url": self.base_url.replace("https://", "http://", 1)}
        try:
            self.model_copy(update=plain).open(root, terms)
        except ArtifactError as error:
            yield "base_url", error.problem, error.fix
