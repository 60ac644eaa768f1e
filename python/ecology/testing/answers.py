"""What the server replies when nothing is wrong: chat completions, completions, embeddings, the list of models.

The same request always gets the same reply, byte for byte: ids are hashes of the request, and time stands still.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import struct
from collections.abc import Callable, Iterable, Mapping
from itertools import accumulate
from typing import Any

from .instance import instance
from .observed import Received
from .response import Response, error
from .tokens import count, first, text_of, tokens

__all__ = ["Answers", "Behaviour", "Reply"]

Reply = str | dict[str, Any]
"""A text; parts of a reply (`PARTS`); or, with `choices`, `data` or `error` in it, the whole document."""

Behaviour = Reply | Callable[[dict[str, Any]], Reply]
"""What a served model says: always the same, or a function of the request's document."""

PARTS = {"content", "tool_calls", "finish_reason", "confidence", "usage", "refusal"}
WHOLE = {"choices", "data", "error"}
CREATED = 1_700_000_000
CONFIDENCE = 0.9
CACHED = 512
CACHED_BYTES = 65_536


class Answers:
    """Routes a request to its endpoint.

    `models`: served names, or each name with its behaviour; `None` serves any name. `reply`: what the names without a
    behaviour of their own say; without it the last message comes back.
    """

    def __init__(
        self,
        models: Mapping[str, Behaviour] | Iterable[str] | None = None,
        *,
        reply: Behaviour | None = None,
        api_key: str | None = None,
        dimensions: int = 16,
    ) -> None:
        named: Mapping[str, Behaviour | None]
        named = models if isinstance(models, Mapping) else dict.fromkeys(models or (), None)
        self._served = None if models is None else list(named)
        self._behaviours = {name: behaviour for name, behaviour in named.items() if behaviour is not None}
        self._reply = reply
        self._authorization = None if api_key is None else f"Bearer {api_key}"
        self._dimensions = dimensions
        self._cache: dict[tuple[str, str, bytes], Response] = {}
        self._endpoints = {
            "/v1/chat/completions": self._chat,
            "/v1/completions": self._completion,
            "/v1/embeddings": self._embeddings,
        }

    def respond(self, received: Received) -> Response:
        """The reply that is due."""
        if self._authorization is not None and received.authorization != self._authorization:
            return error(401, "Incorrect API key provided.", "invalid_api_key", "authentication_error")
        key = (received.method, received.path, received.body)
        cached = self._cache.get(key)
        if cached is not None:
            return cached
        response, lasting = self._routed(received)
        if lasting and len(received.body) <= CACHED_BYTES:
            if len(self._cache) >= CACHED:
                self._cache.clear()
            self._cache[key] = response
        return response

    def _routed(self, received: Received) -> tuple[Response, bool]:
        """The reply, and whether the same request will always get it."""
        path = received.path.rstrip("/")
        if path == "/v1/models" or path.startswith("/v1/models/"):
            return self._models(received.method, path.removeprefix("/v1/models").strip("/")), False
        endpoint = self._endpoints.get(path)
        if endpoint is None:
            return error(404, f"Unknown request URL: {received.method} {received.path}.", "unknown_url"), False
        if received.method != "POST":
            return error(405, f"Only POST is allowed at {path}.", "method_not_allowed"), False
        request = received.json
        if not isinstance(request, dict):
            return error(400, "The body is not a JSON object.", None), False
        model = request.get("model")
        if not isinstance(model, str):
            return error(400, "You must provide a model parameter.", None), False
        if self._served is not None and model not in self._served:
            return error(404, f"The model {model!r} does not exist.", "model_not_found"), False
        behaviour = self._behaviours.get(model, self._reply)
        ident = hashlib.blake2b(received.body, digest_size=12).hexdigest()
        try:
            return endpoint(request, behaviour, ident), not callable(behaviour)
        except _Refusal as refusal:
            return error(400, str(refusal), None), False
        # Whatever a user's behaviour raises, the client is told and the server goes on.
        except Exception as fault:  # noqa: BLE001
            told = f"The behaviour of {model!r} raised {type(fault).__name__}: {fault}"
            return error(500, told, "behaviour_failed", "server_error"), False

    # --- endpoints ----------------------------------------------------------------------------------------

    def _models(self, method: str, name: str) -> Response:
        if method != "GET":
            return error(405, "Only GET is allowed at /v1/models.", "method_not_allowed")
        known = {
            each: {"id": each, "object": "model", "created": CREATED, "owned_by": "ecology-testing"}
            for each in self._served or ()
        }
        if not name:
            return Response(documents=({"object": "list", "data": list(known.values())},))
        if name not in known:
            return error(404, f"The model {name!r} does not exist.", "model_not_found")
        return Response(documents=(known[name],))

    def _chat(self, request: dict[str, Any], behaviour: Behaviour | None, ident: str) -> Response:
        messages = request.get("messages")
        if not isinstance(messages, list) or not messages or not all(isinstance(each, dict) for each in messages):
            raise _Refusal("messages must be a list of objects that is not empty.")
        _one_choice(request)
        reply = _echo(request, messages) if behaviour is None else _said(behaviour, request)
        if WHOLE & reply.keys():
            return Response(documents=(reply,))
        content = reply.get("content")
        calls = [_tool_call(call, at, ident) for at, call in enumerate(reply.get("tool_calls") or ())]
        content, cut = _bounded(content, request.get("max_completion_tokens", request.get("max_tokens")))
        reason = reply.get("finish_reason", "length" if cut else "tool_calls" if calls else "stop")
        prompt = sum(count(text_of(message.get("content"))) for message in messages)
        written = count(content or "") + sum(count(call["function"]["arguments"]) for call in calls)
        usage = reply.get("usage", _usage(prompt, written))
        logprobs = _chat_logprobs(content or "", reply, request) if request.get("logprobs") else None
        message: dict[str, Any] = {"role": "assistant", "content": content, "refusal": reply.get("refusal")}
        if calls:
            message["tool_calls"] = calls
        base: dict[str, Any] = {"id": f"chatcmpl-{ident}", "created": CREATED, "model": request["model"]}
        if request.get("stream"):
            return _stream(base | {"object": "chat.completion.chunk"}, message, logprobs, reason, usage, request)
        choice: dict[str, Any] = {"index": 0, "message": message, "logprobs": logprobs, "finish_reason": reason}
        return Response(documents=(base | {"object": "chat.completion", "choices": [choice], "usage": usage},))

    def _completion(self, request: dict[str, Any], behaviour: Behaviour | None, ident: str) -> Response:
        prompt = request.get("prompt")
        if isinstance(prompt, list) and len(prompt) == 1:
            prompt = prompt[0]
        if not isinstance(prompt, str):
            raise _Refusal("prompt must be one text.")
        _one_choice(request)
        reply = {"content": prompt} if behaviour is None else _said(behaviour, request)
        if WHOLE & reply.keys():
            return Response(documents=(reply,))
        text, cut = _bounded(reply.get("content") or "", request.get("max_tokens"))
        text = text or ""
        logprobs = None
        if request.get("logprobs") is not None:
            pieces = tokens(text)
            logprob = _logprob(reply)
            offsets = list(accumulate(map(len, pieces), initial=0))[:-1]
            tops = [{piece: logprob} for piece in pieces]
            logprobs = {"tokens": pieces, "token_logprobs": [logprob] * len(pieces), "top_logprobs": tops}
            logprobs["text_offset"] = offsets
        reason = reply.get("finish_reason", "length" if cut else "stop")
        usage = reply.get("usage", _usage(count(prompt), count(text)))
        base = {"id": f"cmpl-{ident}", "object": "text_completion", "created": CREATED, "model": request["model"]}
        choice: dict[str, Any] = {"index": 0, "text": text, "logprobs": logprobs, "finish_reason": reason}
        if not request.get("stream"):
            return Response(documents=(base | {"choices": [choice], "usage": usage},))
        parts: list[dict[str, Any]] = [
            {"index": 0, "text": piece, "logprobs": None, "finish_reason": None} for piece in tokens(text)
        ]
        parts.append({"index": 0, "text": "", "logprobs": logprobs, "finish_reason": reason})
        return Response(documents=tuple(_with_usage(base, parts, usage, request)), stream=True)

    def _embeddings(self, request: dict[str, Any], behaviour: Behaviour | None, ident: str) -> Response:
        if callable(behaviour):
            reply = behaviour(request)
            if isinstance(reply, dict) and WHOLE & reply.keys():
                return Response(documents=(reply,))
        given = request.get("input")
        inputs: list[Any] = given if isinstance(given, list) and not _is_tokens(given) else [given]
        if not inputs or not all((isinstance(each, str) and each) or _is_tokens(each) for each in inputs):
            raise _Refusal("input must be a text, a list of token numbers, or a list of these; none may be empty.")
        size = request.get("dimensions", self._dimensions)
        if type(size) is not int or not 1 <= size <= 65_536:
            raise _Refusal("dimensions must be a whole number from 1 to 65536.")
        data = []
        for at, each in enumerate(inputs):
            packed = _vector(each if isinstance(each, str) else repr(each), size)
            encoded: Any = list(struct.unpack(f"<{size}f", packed))
            if request.get("encoding_format") == "base64":
                encoded = base64.b64encode(packed).decode()
            data.append({"object": "embedding", "index": at, "embedding": encoded})
        total = sum([count(each) if isinstance(each, str) else len(each) for each in inputs])
        usage = {"prompt_tokens": total, "total_tokens": total}
        return Response(documents=({"object": "list", "data": data, "model": request["model"], "usage": usage},))


class _Refusal(Exception):
    """The request cannot be answered; its text says why."""


# --- parts of a reply -------------------------------------------------------------------------------------


def _said(behaviour: Behaviour, request: dict[str, Any]) -> dict[str, Any]:
    reply = behaviour(request) if callable(behaviour) else behaviour
    if isinstance(reply, str):
        return {"content": reply}
    if not isinstance(reply, dict):
        raise TypeError(f"a behaviour replies with a text or a dictionary, not {type(reply).__name__}")
    stray = sorted(reply.keys() - PARTS)
    if stray and not WHOLE & reply.keys():
        raise ValueError(f"a reply has no part {', '.join(stray)}; it has {', '.join(sorted(PARTS))}")
    return reply


def _echo(request: dict[str, Any], messages: list[dict[str, Any]]) -> dict[str, Any]:
    """The last message; a call of the tool that is asked for; or JSON where a format asks for it."""
    tools = [each.get("function", {}) for each in request.get("tools") or () if isinstance(each, dict)]
    choice = request.get("tool_choice")
    if tools and (choice == "required" or isinstance(choice, dict)):
        wanted = choice.get("function", {}).get("name") if isinstance(choice, dict) else None
        tool = next((each for each in tools if wanted in (None, each.get("name"))), tools[0])
        return {"tool_calls": [{"name": tool.get("name", ""), "arguments": instance(tool.get("parameters")) or {}}]}
    text = text_of(messages[-1].get("content"))
    wanted_format = request.get("response_format") or {}
    if wanted_format.get("type") == "json_object":
        text = json.dumps({"echo": text}, ensure_ascii=False)
    elif wanted_format.get("type") == "json_schema":
        text = json.dumps(instance(wanted_format.get("json_schema", {}).get("schema")), ensure_ascii=False)
    return {"content": text}


def _one_choice(request: dict[str, Any]) -> None:
    if request.get("n", 1) not in (1, None):
        raise _Refusal("this server gives one choice; leave n out.")


def _bounded(content: str | None, most: Any) -> tuple[str | None, bool]:
    if content is None or type(most) is not int or count(content) <= most:
        return content, False
    return first(content, max(0, most)), True


def _usage(prompt: int, written: int) -> dict[str, int]:
    return {"prompt_tokens": prompt, "completion_tokens": written, "total_tokens": prompt + written}


def _tool_call(call: Mapping[str, Any], at: int, ident: str) -> dict[str, Any]:
    arguments = call.get("arguments", {})
    written = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
    function = {"name": call["name"], "arguments": written}
    return {"id": call.get("id", f"call_{ident[:16]}_{at}"), "type": "function", "function": function}


def _logprob(reply: Mapping[str, Any]) -> float:
    """The same for every token, so that their mean is the confidence that was asked for."""
    confidence = reply.get("confidence", CONFIDENCE)
    return math.log(confidence) if confidence > 0 else -9999.0


def _chat_logprobs(content: str, reply: Mapping[str, Any], request: Mapping[str, Any]) -> dict[str, Any]:
    logprob = _logprob(reply)
    others = max(0, int(request.get("top_logprobs") or 0))
    entries = []
    for piece in tokens(content):
        own = {"token": piece, "logprob": logprob, "bytes": list(piece.encode("utf-8", "surrogatepass"))}
        rest = [{"token": f"~{rank}", "logprob": logprob - rank, "bytes": None} for rank in range(1, others)]
        entries.append(own | {"top_logprobs": [own, *rest][:others]})
    return {"content": entries, "refusal": None}


def _stream(
    base: dict[str, Any],
    message: dict[str, Any],
    logprobs: dict[str, Any] | None,
    reason: str,
    usage: Any,
    request: dict[str, Any],
) -> Response:
    """A chunk for the role, one a token or a tool call, one for the end, and one for the usage if it is asked for."""

    def part(delta: dict[str, Any], finish: str | None = None, at: int | None = None) -> dict[str, Any]:
        logs = None if logprobs is None or at is None else {"content": [logprobs["content"][at]], "refusal": None}
        return {"index": 0, "delta": delta, "logprobs": logs, "finish_reason": finish}

    parts = [part({"role": "assistant", "content": "", "refusal": message["refusal"]})]
    parts += [part({"content": piece}, at=at) for at, piece in enumerate(tokens(message["content"] or ""))]
    parts += [part({"tool_calls": [{"index": at} | call]}) for at, call in enumerate(message.get("tool_calls", ()))]
    parts.append(part({}, reason))
    return Response(documents=tuple(_with_usage(base, parts, usage, request)), stream=True)


def _with_usage(
    base: dict[str, Any], parts: list[dict[str, Any]], usage: Any, request: dict[str, Any]
) -> Iterable[dict[str, Any]]:
    asked = bool((request.get("stream_options") or {}).get("include_usage"))
    for part in parts:
        yield base | {"choices": [part]} | ({"usage": None} if asked else {})
    if asked:
        yield base | {"choices": [], "usage": usage}


def _is_tokens(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(type(each) is int for each in value)


def _vector(text: str, size: int) -> bytes:
    """A unit vector of float32 from SHAKE-256 of the text: equal texts are equal, others nearly at right angles."""
    noise = hashlib.shake_256(text.encode("utf-8", "surrogatepass")).digest(4 * size)
    numbers = [number / 2**31 for number in struct.unpack(f"<{size}i", noise)]
    norm = math.sqrt(math.fsum(number * number for number in numbers)) or 1.0
    return struct.pack(f"<{size}f", *(number / norm for number in numbers))
