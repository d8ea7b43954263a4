"""FashionMNIST and KMNIST: fetched once from a server (a small one on this machine), whole or not at all."""

from __future__ import annotations

import gzip
import hashlib
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch

from vae_core import data, downloads
from vae_core._torchvision import torchvision
from vae_core.errors import DataError, DownloadError


def idx(shape: tuple[int, ...], content: bytes) -> bytes:
    header = bytes([0, 0, 8, len(shape)]) + b"".join(size.to_bytes(4, "big") for size in shape)
    return gzip.compress(header + content, 1)


FILES = {
    "train-images-idx3-ubyte.gz": idx((60_000, 28, 28), bytes(60_000 * 784)),
    "train-labels-idx1-ubyte.gz": idx((60_000,), bytes(60_000)),
    "t10k-images-idx3-ubyte.gz": idx((10_000, 28, 28), bytes([7]) * (10_000 * 784)),
    "t10k-labels-idx1-ubyte.gz": idx((10_000,), bytes([3]) * 10_000),
}


class Server(ThreadingHTTPServer):
    """Serves `files`; what it lacks is a 404."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files = dict(FILES)
        self.lost_after: int | None = None
        self.requests: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_HEAD(self) -> None:
        self._answer(b"")

    def do_GET(self) -> None:
        self._answer(self.server.files.get(self.path[1:], b"")[: self.server.lost_after])

    def _answer(self, body: bytes) -> None:
        self.server.requests.append(f"{self.command} {self.path}")
        content = self.server.files.get(self.path[1:])
        self.send_response(404 if content is None else 200)
        self.send_header("Content-Length", str(len(content or b"")))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv(downloads.CACHE_VARIABLE, str(folder))
    monkeypatch.setattr(data, "_shelf", data._Shelf(2))
    return folder


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    use_mirror(monkeypatch, server.url)
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def use_mirror(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    for name in downloads.TORCHVISION_CLASSES.values():
        source = getattr(torchvision("datasets"), name)
        resources = [(file, hashlib.md5(content).hexdigest()) for file, content in FILES.items()]
        monkeypatch.setattr(source, "mirrors", [url])
        monkeypatch.setattr(source, "resources", resources)


def left_behind(cache: Path) -> list[str]:
    return sorted(str(path.relative_to(cache)) for path in cache.rglob("*")) if cache.exists() else []


@pytest.mark.parametrize(("name", "folder"), downloads.TORCHVISION_CLASSES.items())
def test_a_data_set_is_downloaded_once_and_then_read_from_the_cache(
    cache: Path, server: Server, name: str, folder: str
) -> None:
    images, labels = data.load_images(name, "test")
    assert images.shape == (10_000, 28, 28)
    assert images.unique().tolist() == [7]
    assert labels.unique().tolist() == [3]
    asked = len(server.requests)
    assert downloads.read_downloaded(name, "train")[0].shape == (60_000, 28, 28)
    assert len(server.requests) == asked
    assert left_behind(cache) == [folder, f"{folder}/raw", *(f"{folder}/raw/{file[:-3]}" for file in sorted(FILES))]


def test_the_classes_have_their_names() -> None:
    assert downloads.class_names("fashion-mnist")[9] == "Ankle boot"
    assert downloads.class_names("kmnist")[2] == "su"


def test_a_closed_port_says_that_it_is_offline_and_leaves_nothing(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        use_mirror(monkeypatch, f"http://127.0.0.1:{unused.getsockname()[1]}/")
        with pytest.raises(DownloadError, match=r"kmnist is not on this machine yet.*refused.*connect to the internet"):
            data.load_images("kmnist")
    assert left_behind(cache) == []


def test_a_server_that_never_answers_is_given_up(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "_PATIENCE", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        use_mirror(monkeypatch, f"http://127.0.0.1:{silent.getsockname()[1]}/")
        with pytest.raises(DownloadError, match="fashion-mnist is not on this machine yet"):
            data.load_images("fashion-mnist")
    assert left_behind(cache) == []


def test_the_wait_for_a_server_leaves_room_within_ten_seconds() -> None:
    assert downloads._PATIENCE <= 7


def test_a_name_that_never_resolves_is_given_up(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()

    def resolve(*_: object, **__: object) -> list[object]:
        released.wait()
        raise socket.gaierror("too late")

    monkeypatch.setattr(downloads, "_PATIENCE", 0.1)
    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    use_mirror(monkeypatch, "http://data.example/")
    with pytest.raises(DownloadError, match="no answer"):
        data.load_images("kmnist")
    released.set()
    assert left_behind(cache) == []


@pytest.mark.parametrize("lost_after", [0, 100])
def test_a_connection_lost_half_way_leaves_nothing(cache: Path, server: Server, lost_after: int) -> None:
    server.lost_after = lost_after
    with pytest.raises(DownloadError, match=r"the download of kmnist to .* failed"):
        data.load_images("kmnist")
    assert left_behind(cache) == []
    server.lost_after = None
    assert len(data.load_images("kmnist")[0]) == 10_000


def test_other_bytes_than_expected_are_refused_and_leave_nothing(cache: Path, server: Server) -> None:
    server.files["t10k-labels-idx1-ubyte.gz"] = b"<html>Please log in to this network</html>"
    with pytest.raises(DownloadError, match=r"the download of fashion-mnist .*corrupted"):
        data.load_images("fashion-mnist")
    assert left_behind(cache) == []


def test_a_file_the_server_lacks_leaves_nothing(cache: Path, server: Server) -> None:
    server.files.clear()
    with pytest.raises(DownloadError, match="404"):
        data.load_images("kmnist")
    assert left_behind(cache) == []


def test_sockets_of_others_keep_their_patience(cache: Path, server: Server) -> None:
    data.load_images("kmnist")
    assert socket.getdefaulttimeout() is None


def test_a_cache_that_cannot_be_made_is_named(tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv(downloads.CACHE_VARIABLE, str(tmp_path / "file" / "cache"))
    with pytest.raises(DownloadError, match=r"the download of kmnist to .*file/cache failed"):
        downloads.read_downloaded("kmnist", "test")


@pytest.mark.parametrize("content", [b"", b"no IDX file", gzip.decompress(FILES["t10k-labels-idx1-ubyte.gz"])])
def test_a_broken_copy_in_the_cache_is_named(cache: Path, server: Server, content: bytes) -> None:
    data.load_images("kmnist", "train")
    (cache / "KMNIST" / "raw" / "t10k-images-idx3-ubyte").write_bytes(content)
    with pytest.raises(DataError, match=r"the copy of kmnist in .*KMNIST is damaged .*delete that folder"):
        data.load_images("kmnist", "test")


def test_a_truncated_copy_in_the_cache_is_named(cache: Path, server: Server) -> None:
    data.load_images("kmnist", "train")
    file = cache / "KMNIST" / "raw" / "t10k-labels-idx1-ubyte"
    file.write_bytes(file.read_bytes()[:-10])
    with pytest.raises(DataError, match="delete that folder"):
        data.load_images("kmnist", "test")


def test_the_cache_follows_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(downloads.CACHE_VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert downloads.cache_folder() == tmp_path / "xdg" / "latent-explorer"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert downloads.cache_folder() == tmp_path / ".cache" / "latent-explorer"


def test_the_labels_are_whole_numbers_a_model_can_index_with(cache: Path, server: Server) -> None:
    assert data.load_images("fashion-mnist")[1].dtype == torch.int64
