"""What one request costs the mock server, in µs of its processor time: `python benches/python/mock_server.py`.

One kept connection, one request at a time, a chat request of about 300 bytes, a canned reply. The server is a process
of its own, so that its processor time holds nothing of the client's.
"""

from __future__ import annotations

import json
import socket
import sys
import time

from ecology.testing import ServerProcess


def main(requests: int) -> None:
    """Ask that often, and print what it cost."""
    body = json.dumps({"model": "small", "messages": [{"role": "user", "content": "x" * 235}]}).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: {len(body)}\r\n\r\n"
    with ServerProcess("--model", "small=refund") as server:
        port = int(server.base_url.rpartition(":")[2].removesuffix("/v1"))
        with socket.create_connection(("127.0.0.1", port)) as client:
            began = time.perf_counter()
            for _ in range(requests):
                client.sendall(head.encode() + body)
                client.recv(65_536)
            spent = time.perf_counter() - began
    figures = {
        "body_bytes": len(body),
        "round_trip_us": round(spent / requests * 1e6, 1),
        "server_cpu_us": round(server.counts["cpu_s"] / requests * 1e6, 1),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 50_000)
