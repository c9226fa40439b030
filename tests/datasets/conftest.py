"""A cache of each test's own, and an origin on this machine: no test here reaches the network."""

import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest


class Origin(ThreadingHTTPServer):
    """Serves `files` by name; counts requests; promises more bytes than it sends of `cut` files."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: dict[str, bytes] = {}
        self.cut: set[str] = set()
        self.stalled: set[str] = set()  # at the first request: the second half waits for `go_on`
        self.requested = threading.Event()
        self.go_on = threading.Event()
        self.requests: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/"


class _Handler(BaseHTTPRequestHandler):
    server: Origin

    def do_GET(self) -> None:
        name = self.path.rpartition("/")[2]
        self.server.requests.append(self.path)
        content = self.server.files.get(name)
        if content is None:
            self.send_error(404)
            return
        half = len(content) // 2
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[:half])
        self.wfile.flush()
        self.server.requested.set()
        if name in self.server.stalled and len(self.server.requests) == 1:
            self.server.go_on.wait(60)
        if name not in self.server.cut:
            try:
                self.wfile.write(content[half:])
            except OSError:
                self.close_connection = True  # the client was interrupted

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def origin() -> Iterator[Origin]:
    """A web server of files on this machine."""
    with Origin() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.go_on.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def nowhere() -> str:
    """The URL of a port where nobody listens."""
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        return f"http://127.0.0.1:{server.server_address[1]}/"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, no `DEEPBASICS_DATA`, and no proxy between us and the origin."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("DEEPBASICS_CACHE", str(folder))
    monkeypatch.delenv("DEEPBASICS_DATA", raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return folder


REAL_DATA = os.environ.get("DEEPBASICS_DATA")


@pytest.fixture
def real_data(monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder with the real files; the test is skipped where there is none."""
    if not REAL_DATA:
        pytest.skip("needs the real files: set DEEPBASICS_DATA to their folder")
    monkeypatch.setenv("DEEPBASICS_DATA", REAL_DATA)
    return Path(REAL_DATA)
