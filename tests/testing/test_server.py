"""The server's life, what it notes, and how faults are chosen."""

from __future__ import annotations

import gc
import threading
import time

import pytest
from tests.testing.wire import ask, chat, connect, post, read_some, read_to_end, reply_of

from ecology.testing import BlackHole, Fault, Hang, OpenAIServer, Phase, Received, ServerError, ServerProcess
from ecology.testing.__main__ import main

SLACK_S = 10.0


def test_closing_ends_soon_whatever_hangs() -> None:
    server = OpenAIServer().start()
    clients = [connect(server.port) for _ in Phase]
    server.script(*(Hang(phase) for phase in Phase))
    for client in clients:
        client.sendall(post(chat()))
    server.wait_for(lambda server: server.connection_count == len(clients))
    before = time.monotonic()
    server.close()
    server.close()
    assert time.monotonic() - before < SLACK_S
    assert all(connection.closed_by == "server" for connection in server.connections)
    assert not [thread for thread in threading.enumerate() if thread.name == "openai-server"]
    for client in clients:
        client.close()
    with pytest.raises(OSError, match="refused"):
        connect(server.port)


def test_closing_ends_although_a_behaviour_does_not_return() -> None:
    release = threading.Event()
    server = OpenAIServer(reply=lambda _: str(release.wait(30))).start()
    client = connect(server.port)
    client.sendall(post(chat()))
    before = time.monotonic()
    server.close()
    assert time.monotonic() - before < SLACK_S
    release.set()
    client.close()
    for thread in threading.enumerate():
        if thread.name == "openai-server":
            thread.join(SLACK_S)


def test_a_connection_that_comes_as_the_server_closes_is_closed_too() -> None:
    for _ in range(20):
        server = OpenAIServer().start()
        with connect(server.port) as client:
            client.sendall(post(chat()))
            server.close()
            read_to_end(client)
    gc.collect()  # what was left open would warn now, and a warning fails the test


def test_requests_are_noted_with_their_headers_time_and_connection() -> None:
    with OpenAIServer(["small"], keep=3) as server, connect(server.port) as client:
        for n in range(5):
            client.sendall(post(chat(str(n)), headers=["X-Trace: 7", "x-trace: 8"]))
            reply_of(client)
        first, *_, last = server.requests
        assert (server.request_count, len(server.requests), last.number) == (5, 3, 4)
        assert last.json["messages"][0]["content"] == "4" and last.model == "small"
        assert last.headers["x-trace"] == "7, 8" and last.path == "/v1/chat/completions"
        assert first.at < last.at and last.connection == server.connections[0].number
        assert server.connections[0].requests == 5


def test_waiting_in_vain_tells_what_was_seen() -> None:
    with OpenAIServer() as server, connect(server.port):
        server.wait_for(lambda server: bool(server.connections))
        with pytest.raises(TimeoutError, match="0 requests came, and the connections are 0: open"):
            server.wait_for(lambda server: server.request_count == 1, timeout_s=0.05)


def test_the_departure_of_a_client_wakes_who_waits() -> None:
    with OpenAIServer() as server:
        server.script(Hang(Phase.IN_BODY))
        client = connect(server.port)
        client.sendall(post(chat()))
        read_some(client, 0.1)
        threading.Timer(0.05, client.close).start()
        assert server.wait_for(lambda server: server.connections[-1].closed_by == "client", SLACK_S)
        assert server.connections[-1].closed_at >= server.requests[-1].at


def test_a_function_chooses_the_fault_by_the_request() -> None:
    def choose(received: Received) -> Fault | None:
        assert received.model != "asserts"
        return ServerError(502) if "boom" in str(received.json) else None

    with OpenAIServer(faults=choose) as server:
        statuses = [ask(server.port, chat(text))[0] for text in ("fine", "boom")]
        assert [request.fault for request in server.requests] == [None, ServerError(502)]
        assert [*statuses, ask(server.port, chat(model="asserts"))[0]] == [200, 502, 500]


def test_each_model_meets_its_own_faults() -> None:
    faults = {"broken": ServerError(500), "shaky": [ServerError(503), None, ServerError(502)]}
    with OpenAIServer(faults=faults) as server:
        found = {
            name: [ask(server.port, chat(model=name))[0] for _ in range(4)] for name in ("broken", "shaky", "sound")
        }
    assert found == {"broken": [500] * 4, "shaky": [503, 200, 502, 200], "sound": [200] * 4}


def test_a_server_starts_once_and_its_address_is_known_then() -> None:
    server = OpenAIServer()
    with pytest.raises(RuntimeError, match="not started"):
        _ = server.base_url
    with server, pytest.raises(RuntimeError, match="already"):
        server.start()


def test_many_connections_at_once_are_all_answered() -> None:
    with OpenAIServer(reply="yes") as server:
        clients = [connect(server.port) for _ in range(200)]
        for client in clients:
            client.sendall(post(chat()))
        assert [reply_of(client)[0] for client in clients] == [200] * 200
        for client in clients:
            client.close()
        server.wait_for(lambda server: all(each.closed_by == "client" for each in server.connections))


# --- beside the server ------------------------------------------------------------------------------------


def test_a_full_black_hole_does_not_even_connect() -> None:
    with BlackHole() as hole, pytest.raises(TimeoutError):
        connect_briefly(hole.port)


def test_a_black_hole_with_room_connects_and_is_silent() -> None:
    with BlackHole(full=False) as hole, connect_briefly(hole.port) as client:
        client.sendall(post(chat()))
        assert read_some(client, 0.1) == b""


def connect_briefly(port: int):
    import socket

    return socket.create_connection(("127.0.0.1", port), timeout=0.2)


def test_a_process_serves_faults_by_name_and_counts() -> None:
    with ServerProcess(
        "--model", "small=yes", "--model", "echo", "--fault", "server_error*2", "--fault", "none"
    ) as far:
        port = int(far.base_url.rpartition(":")[2].removesuffix("/v1"))
        assert [ask(port, chat())[0] for _ in range(4)] == [500, 500, 200, 200]
        assert ask(port, chat("hm", model="echo"))[1]["choices"][0]["message"]["content"] == "hm"
        assert far.pid > 0
    assert far.counts["requests"] == 5 and far.counts["cpu_s"] > 0


def test_a_process_takes_a_behaviour_from_a_module() -> None:
    with ServerProcess("--behaviour", "json:dumps") as far:
        port = int(far.base_url.rpartition(":")[2].removesuffix("/v1"))
        assert "messages" in ask(port, chat())[1]["choices"][0]["message"]["content"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--fault", "hang_in_boddy"], "there is no fault 'hang_in_boddy'"),
        (["--fault", "delay*x"], "write delay*3"),
        (["--behaviour", "json:nothing"], "json has no nothing"),
    ],
)
def test_the_command_line_says_what_is_wrong(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(arguments)
    assert exit_.value.code == 2 and said in capsys.readouterr().err


def test_a_port_that_is_taken_is_said_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    with OpenAIServer() as server, pytest.raises(SystemExit) as exit_:
        main(["--port", str(server.port)])
    assert exit_.value.code == 2 and f"port {server.port}: Address already in use; choose" in capsys.readouterr().err
