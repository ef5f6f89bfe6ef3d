"""A load generator for machines without wrk, and for runs that must know which request was answered.

    python -m bench.client FILE PORT CONNECTIONS SECONDS

Sends the requests of FILE, which NUL bytes part, in turn over keep-alive connections, a thread each. Prints JSON:
`answered`, `seconds`, `refused` (an answer that is neither 2xx nor 3xx), `broken` (connections that ended early) and
`acknowledged`, the positions in FILE of the requests that got such an answer, -1 past the first round.
"""

from __future__ import annotations

import json
import socket
import sys
import threading
import time
from itertools import count
from pathlib import Path


class Client:
    def __init__(self, requests: list[bytes], port: int, seconds: float) -> None:
        self._requests = requests
        self._port = port
        self._deadline = time.monotonic() + seconds
        self._turns = count()
        self.acknowledged: list[int] = []
        self.refused = 0
        self.broken = 0

    def run(self) -> None:
        """Send until the time is over or the server is gone."""
        try:
            with socket.create_connection(("127.0.0.1", self._port), timeout=10) as connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                while time.monotonic() < self._deadline:
                    turn = next(self._turns)
                    connection.sendall(self._requests[turn % len(self._requests)])
                    if read_status(connection) // 100 in {2, 3}:  # a redirect is an answer, too
                        self.acknowledged.append(turn if turn < len(self._requests) else -1)
                    else:
                        self.refused += 1
        except OSError:
            self.broken += 1


def read_status(connection: socket.socket) -> int:
    """Read one answer to its end. Raises ConnectionError when there is none."""
    data = receive(connection)
    while (end := data.find(b"\r\n\r\n")) < 0:
        data += receive(connection)
    head, body = data[:end].lower(), data[end + 4 :]
    _, has_length, rest = head.partition(b"\r\ncontent-length:")
    length = int(rest.partition(b"\r\n")[0]) if has_length else 0
    while len(body) < length if has_length else not body.endswith(b"0\r\n\r\n"):
        body += receive(connection)
    return int(data[9:12])


def receive(connection: socket.socket) -> bytes:
    if not (data := connection.recv(65_536)):
        raise ConnectionError("the server closed the connection")
    return data


def main(path: str, port: str, connections: str, seconds: str) -> None:
    started = time.monotonic()
    client = Client(Path(path).read_bytes().split(b"\0"), int(port), float(seconds))
    threads = [threading.Thread(target=client.run) for _ in range(int(connections))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    result = {
        "answered": len(client.acknowledged) + client.refused,
        "seconds": time.monotonic() - started,
        "refused": client.refused,
        "broken": client.broken,
        "acknowledged": client.acknowledged,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main(*sys.argv[1:])
