"""Behind real servers, opened before the fork where there is one: all requests are answered, nobody is left behind."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.living.programs import population

REQUESTS = 60
CALLERS = 6

WSGI = """
import os
import ecology as eco
e = eco.Ecology.open(".")
e.answer("warm", model="where-am-i"); e.answer("warm", model="sleepy")
def app(environ, start_response):
    model = environ["PATH_INFO"].strip("/")
    body = e.answer("hi", model=model).output.encode()
    start_response("200 OK", [("Content-Length", str(len(body))), ("X-Worker", str(os.getpid()))])
    return [body]
"""

ASGI = """
import os
import ecology as eco
e = eco.Ecology.open(".")
async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    body = (await e.aanswer("hi", model=scope["path"].strip("/"))).output.encode()
    headers = [(b"content-length", str(len(body)).encode()), (b"x-worker", str(os.getpid()).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
"""

GUNICORN = ["gunicorn", "--bind", "127.0.0.1:{port}", "--graceful-timeout", "5", "--log-level", "error"]
SERVERS = {
    "gunicorn preload": [*GUNICORN, "--preload", "--workers", "2", "wsgi:app"],
    "gunicorn preload threads": [*GUNICORN, "--preload", "--workers", "2", "--threads", "4", "wsgi:app"],
    "gunicorn": [*GUNICORN, "--workers", "2", "wsgi:app"],
    "uvicorn": ["uvicorn", "--host", "127.0.0.1", "--port", "{port}", "--log-level", "error", "asgi:app"],
    "uvicorn workers": [
        *("uvicorn", "--host", "127.0.0.1", "--port", "{port}", "--log-level", "error", "--workers", "2", "asgi:app")
    ],
}


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def ask(port: int, model: str) -> tuple[int, str, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", f"/{model}")
        response = connection.getresponse()
        return response.status, response.read().decode(), response.headers["X-Worker"]
    finally:
        connection.close()


def wait_until_it_listens(port: int, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end and process.poll() is None:
        try:
            ask(port, "echo")
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(f"the server did not start: {process.poll()}")


def members_of(group: int) -> list[str]:
    """Processes of a process group that have not ended."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == group and fields[0] != "Z":
            found.append(stat.parent.name)
    return found


@contextmanager
def serving(folder: Path, command: list[str]) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    port = free_port()
    arguments = [part.format(port=port) for part in command]
    with (folder / "errors").open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", *arguments], cwd=folder, stderr=errors, start_new_session=True
        )
    try:
        wait_until_it_listens(port, process)
        yield port, process
    finally:
        if members_of(process.pid):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for orphans in /proc")
@pytest.mark.parametrize("name", SERVERS)
def test_every_request_is_answered_and_the_server_ends_without_orphans(tmp_path: Path, name: str) -> None:
    pytest.importorskip(SERVERS[name][0])
    population(tmp_path)
    (tmp_path / "wsgi.py").write_text(WSGI)
    (tmp_path / "asgi.py").write_text(ASGI)
    with serving(tmp_path, SERVERS[name]) as (port, process):
        models = ["echo", "where-am-i", "sleepy"]
        with ThreadPoolExecutor(CALLERS) as callers:
            found = list(callers.map(lambda n: ask(port, models[n % 3]), range(REQUESTS)))
        assert {(status, body) for status, body, _ in found} == {(200, "hi")}
        assert str(process.pid) not in {worker for *_, worker in found} or name == "uvicorn"
        process.send_signal(signal.SIGTERM)
        code = process.wait(30)
        # uvicorn ends by the signal that it was sent, once it is done.
        assert code in (0, -signal.SIGTERM)
        assert members_of(process.pid) == []
    assert (tmp_path / "errors").read_text() == ""
