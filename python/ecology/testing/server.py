"""A local server that speaks OpenAI's API over HTTP/1.1, and misbehaves when it is told to.

>>> from http.client import HTTPConnection
>>> import json
>>> from ecology.testing import OpenAIServer, ServerError
>>> with OpenAIServer(models={"small": "refund"}) as server:
...     server.script(ServerError(503), None)
...     client = HTTPConnection("127.0.0.1", server.port)
...     ask = {"model": "small", "messages": [{"role": "user", "content": "Where is my money?"}]}
...     statuses = []
...     for _ in range(2):
...         client.request("POST", "/v1/chat/completions", json.dumps(ask))
...         reply = client.getresponse()
...         statuses.append((reply.status, json.load(reply).get("choices", [{}])[0].get("message", {}).get("content")))
...     client.close()
>>> statuses
[(503, None), (200, 'refund')]
>>> [request.model for request in server.requests]
['small', 'small']
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import random
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Self

from .answers import Answers, Behaviour
from .conversation import Conversation
from .departures import Departures
from .fault import Fault, Phase, Scene
from .observed import Connection, Received
from .response import Response, error

__all__ = ["OpenAIServer"]

Faults = Mapping[str, Fault | Sequence[Fault | None]] | Callable[[Received], Fault | None]

CLOSE_S = 1.0
LOOK_S = 0.02
CUTS_AT_MOST = 200
INBOX_BYTES = 256 * 1024


class OpenAIServer:
    """Serves on a free port of the loopback from a thread of its own, from `start()` (or `with`) until `close()`.

    `models`: the names that it serves, or each name with what it says (a text, parts of a reply, or a function of the
    request's document; see `answers.py`); `None` serves any name. `reply`: what models without a behaviour of their own
    say; without it the last message comes back. Functions run on the server's loop: to wait, use `Delay`.

    `faults`: what the requests for a model meet: one fault (always, or `times` times), a sequence (one each, then
    none); or a function of the request, called on the server's loop. `script()` goes before both.

    `api_key`: the one that is demanded. `dimensions`: of an embedding for which none are asked. `seed`: of what faults
    draw. `keep`: how many requests and connections are remembered, the newest.
    """

    def __init__(
        self,
        models: Mapping[str, Behaviour] | Iterable[str] | None = None,
        *,
        reply: Behaviour | None = None,
        faults: Faults | None = None,
        api_key: str | None = None,
        dimensions: int = 16,
        seed: int = 0,
        port: int = 0,
        keep: int = 10_000,
    ) -> None:
        self._answers = Answers(models, reply=reply, api_key=api_key, dimensions=dimensions)
        self._choose = faults if callable(faults) else None
        self._by_model: dict[str, tuple[deque[Fault | None], Fault | None]] = {}
        for name, fault in faults.items() if isinstance(faults, Mapping) else ():
            self._by_model[name] = _standing(fault)
        self._scripted: deque[Fault | None] = deque()
        self._random = random.Random(seed)
        self._wanted_port = port
        self._requests: deque[Received] = deque(maxlen=keep)
        self._connections: deque[Connection] = deque(maxlen=keep)
        self._served = self._accepted = 0
        self.inbox = memoryview(bytearray(INBOX_BYTES))
        self._open: set[Conversation] = set()
        self._changed = threading.Condition()
        self._waiting = 0
        self._thread: threading.Thread | None = None
        self._socket: socket.socket | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._departures: Departures | None = None

    # --- its life -----------------------------------------------------------------------------------------

    def start(self) -> Self:
        """Serve from now on.

        Raises:
            OSError: the port is taken.
        """
        if self._thread is not None:
            raise RuntimeError("this server was started already; make another one")
        listener = socket.create_server(("127.0.0.1", self._wanted_port), backlog=1024)
        listener.setblocking(False)
        self._socket = listener
        self._port: int = listener.getsockname()[1]
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(listener, ready), name="openai-server", daemon=True)
        self._thread.start()
        ready.wait()
        return self

    def close(self) -> None:
        """Serve no more: every connection is cut, whatever hangs. Ends within a second or so.

        A behaviour that does not return keeps its thread, which is a daemon, and nothing else.
        """
        thread, loop = self._thread, self._loop
        if thread is None or loop is None:
            return
        with contextlib.suppress(RuntimeError):  # it has stopped already
            loop.call_soon_threadsafe(loop.stop)
        thread.join(CLOSE_S)
        if thread.is_alive() and self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)  # nobody else comes in; the thread closes it when it goes on

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def port(self) -> int:
        """Where it listens, on 127.0.0.1."""
        if self._thread is None:
            raise RuntimeError("this server was not started; use `with`, or call start()")
        return self._port

    @property
    def base_url(self) -> str:
        """What an OpenAI client takes as `base_url`."""
        return f"http://127.0.0.1:{self.port}/v1"

    # --- faults -------------------------------------------------------------------------------------------

    def script(self, *faults: Fault | None) -> None:
        """Add to the script: each of the next requests takes one entry off it, `None` being an answer as it is due.

        A fault with `times=n` stands for n entries. A fault at the phase `before_reading` is taken by the next new
        connection, or by a kept one when its next request begins.
        """
        for fault in faults:
            self._scripted.extend([fault] * (1 if fault is None or fault.times is None else fault.times))

    @property
    def script_left(self) -> int:
        """How many entries no request has taken yet."""
        return len(self._scripted)

    # --- what it saw --------------------------------------------------------------------------------------

    @property
    def requests(self) -> list[Received]:
        """The requests that were read, oldest first; of very many, the newest `keep`."""
        return list(self._requests)

    @property
    def connections(self) -> list[Connection]:
        """The connections that were accepted, oldest first; of very many, the newest `keep`."""
        return list(self._connections)

    @property
    def request_count(self) -> int:
        """How many requests were read, also those that are not remembered."""
        return self._served

    @property
    def connection_count(self) -> int:
        """How many connections were accepted, also those that are not remembered."""
        return self._accepted

    def wait_for(self, predicate: Callable[[OpenAIServer], bool], timeout_s: float = 5.0) -> bool:
        """Wait until `predicate(server)` holds; it is asked again whenever something comes or goes.

        A `connections[-1]` or `requests[0]` that is not there yet is a predicate that does not hold yet.

        Raises:
            TimeoutError: it does not hold in time; tells what was seen.
        """
        deadline = time.monotonic() + timeout_s
        with self._changed:
            self._waiting += 1
            try:
                while not self._holds(predicate):
                    left = deadline - time.monotonic()
                    if left <= 0:
                        seen = ", ".join(f"{each.number}: {each.closed_by or 'open'}" for each in self.connections[-8:])
                        raise TimeoutError(
                            f"not within {timeout_s:g} s; {self.request_count} requests came, and the connections "
                            f"are {seen or 'none'}"
                        )
                    self._changed.wait(min(left, LOOK_S))
            finally:
                self._waiting -= 1
        return True

    # --- what its conversations need ----------------------------------------------------------------------

    def opened(self, conversation: Conversation) -> Connection:
        """A connection came."""
        self._open.add(conversation)
        connection = Connection(self._accepted, time.monotonic())
        self._accepted += 1
        self._connections.append(connection)
        self.closed()
        return connection

    def ended(self, conversation: Conversation) -> None:
        """Nobody will hear of it again."""
        self._open.discard(conversation)

    def closed(self) -> None:
        """Tell those who wait that something changed."""
        if self._waiting:
            with self._changed:
                self._changed.notify_all()

    def next_if(self, phase: Phase) -> Fault | None:
        """Take the next fault of the script if it breaks off at `phase`."""
        if self._scripted:
            fault = self._scripted[0]
            if fault is not None and fault.phase is phase:
                return self._scripted.popleft()
        return None

    def received(self, received: Received) -> Response:
        """Note a request, choose its fault, and give the reply that is due."""
        received.number = self._served
        self._served += 1
        response = self._answers.respond(received)
        try:
            received.fault = self._fault_of(received)
        # A user's function that fails is told to the client; the server goes on.
        except Exception as problem:  # noqa: BLE001
            response = error(500, f"The choice of a fault raised {problem!r}.", "faults_failed", "server_error")
        self._requests.append(received)
        if self._waiting:
            self.closed()
        return response

    def scene(self) -> Scene:
        """What a fault may know."""
        return Scene(now_s=time.time(), random=self._random)

    def watch(self, descriptor: int, conversation: Conversation) -> bool:
        """Tell the conversation when its client leaves although nothing is read; whether that is possible."""
        return self._departures is not None and self._departures.watch(descriptor, conversation.client_left)

    # --- inside -------------------------------------------------------------------------------------------

    def _fault_of(self, received: Received) -> Fault | None:
        if self._scripted:
            return self._scripted.popleft()
        if self._choose is not None:
            return self._choose(received)
        if not self._by_model:
            return None
        queue, always = self._by_model.get(received.model or "", (None, None))
        return queue.popleft() if queue else always

    def _run(self, listener: socket.socket, ready: threading.Event) -> None:
        loop = self._loop = asyncio.new_event_loop()
        loop.set_exception_handler(_say_nothing_of_a_closed_listener)
        self._departures = Departures(loop)
        server = loop.run_until_complete(loop.create_server(lambda: Conversation(self), sock=listener, backlog=1024))
        ready.set()
        try:
            loop.run_forever()
        finally:
            # Closed later: a connection accepted in the last turn would find no server to belong to, and leak.
            loop.remove_reader(listener.fileno())
            loop.run_until_complete(self._cut_off())
            server.close()
            self._departures.close()
            loop.close()

    def _holds(self, predicate: Callable[[OpenAIServer], bool]) -> bool:
        try:
            return predicate(self)
        except IndexError:
            return False

    async def _cut_off(self) -> None:
        """Cut every connection, also those that are just being accepted, until each was told that it is lost."""
        for _ in range(CUTS_AT_MOST):
            for conversation in list(self._open):
                conversation.abort()
            await asyncio.sleep(0.001)
            if not self._open and len(asyncio.all_tasks()) == 1:
                return


def _say_nothing_of_a_closed_listener(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """`close()` shuts the listener while a behaviour blocks; that nothing can be accepted then is no news."""
    problem = context.get("exception")
    if not (isinstance(problem, OSError) and problem.errno == errno.EINVAL):
        loop.default_exception_handler(context)


def _standing(fault: Fault | Sequence[Fault | None]) -> tuple[deque[Fault | None], Fault | None]:
    """What the requests of a model meet: a queue first, and then always one fault or none."""
    if not isinstance(fault, Fault):
        return deque(fault), None
    return (deque(), fault) if fault.times is None else (deque([fault] * fault.times), None)
