"""Runs as zip files: given away and taken in, and files made to do harm."""

from __future__ import annotations

import io
import json
import shutil
import stat
import struct
import zipfile
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.commands import Said, printed_json, refused
from tests.disks import full, read_only
from tests.factories import make_config, write_data_set
from tests.trainers import are_equal, finish, whole_state
from vae_core import cli, run_archive, run_check, run_files, run_folder, run_keyframes, runs
from vae_core.errors import LatentExplorerError
from vae_core.run_archive import export_run, import_run
from vae_core.run_control import change_control
from vae_core.run_folder import RunState, own_process, read_about, read_state, write_state
from vae_core.run_records import CODES_NAME, METRICS_NAME, read_metrics


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fork that has finished, with every kind of file that there is."""
    folder = tmp_path_factory.mktemp("finished")
    config = make_config(write_data_set(folder / "data.npz"))
    finish(folder / "first", config)
    fork = folder / "fork"
    state = runs.fork(folder / "first", 12, fork, replace(config, train=replace(config.train, beta=2.0)))
    run_folder.rename(fork, "A fork", "with a note")
    change_control(fork, beta=3)
    list(runs.train(fork, state))
    (fork / run_files.TRAINER_LOG).write_text("names of folders")
    return fork


def contents(packed: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(entries: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def refused_import(source: Path | bytes, folder: Path, complaint: str) -> None:
    """Importing must fail with a sentence, and leave nothing behind."""
    before = {path: path.read_bytes() for path in folder.parent.rglob("*") if path.is_file()}
    with pytest.raises(LatentExplorerError, match=complaint):
        import_run(source, folder)
    assert {path: path.read_bytes() for path in folder.parent.rglob("*") if path.is_file()} == before
    assert not folder.exists() or list(folder.iterdir()) == []


def test_a_run_comes_back_as_it_was(finished: Path, tmp_path: Path) -> None:
    run = import_run(export_run(finished), tmp_path / "runs")
    assert run.parent == tmp_path / "runs"
    assert run_check.check(run) == []
    assert (read_about(run), read_state(run).status) == (read_about(finished), "finished")
    assert runs.read_config(run) == runs.read_config(finished)
    assert read_metrics(run) == read_metrics(finished)
    assert are_equal(whole_state(run), whole_state(finished))
    assert run_keyframes.steps(run) == run_keyframes.steps(finished)
    for name in (CODES_NAME, run_folder.START_NAME):
        assert (run / name).read_bytes() == (finished / name).read_bytes()
    assert not (run / run_files.TRAINER_LOG).exists()
    assert run_files.foreign(run) == []
    assert [path.name for path in run.parent.iterdir()] == [run.name]


def test_a_run_that_trains_is_packed_and_goes_on_elsewhere(tmp_path: Path, data: Path) -> None:
    config, run = make_config(data), tmp_path / "run"
    training = runs.train(run, runs.create(run, config), report_every=2)
    for _ in range(3):
        next(training)
    with (run / METRICS_NAME).open("ab") as log:
        log.write(b'{"step": 7, "be')
    elsewhere = import_run(export_run(run), tmp_path / "elsewhere")
    training.close()
    state = read_state(elsewhere)
    assert (state.status, state.pid, state.reason) == ("stopped", 0, "it was imported: resume it")
    finish(elsewhere, config)
    finish(tmp_path / "whole", config)
    assert are_equal(whole_state(elsewhere), whole_state(tmp_path / "whole"))


@pytest.mark.parametrize("status", ["queued", "running", "paused", "failed", "stopped"])
def test_a_run_that_had_not_finished_is_stopped(tmp_path: Path, data: Path, status: str) -> None:
    runs.create(tmp_path / "run", make_config(data))
    write_state(tmp_path / "run", RunState(status=status, **own_process()))
    assert read_state(import_run(export_run(tmp_path / "run"), tmp_path)).status == "stopped"


def test_a_run_that_nobody_named_is_called_after_its_file(tmp_path: Path, data: Path) -> None:
    runs.create(tmp_path / "run", make_config(data))
    run_archive.write_archive(tmp_path / "run", tmp_path / "good one.zip")
    assert read_about(import_run(tmp_path / "good one.zip", tmp_path)).name == "good one"


def test_runs_imported_at_once_get_folders_of_their_own(finished: Path, tmp_path: Path) -> None:
    content = export_run(finished)
    assert len({import_run(content, tmp_path) for _ in range(3)}) == 3
    assert len(run_folder.list_runs(tmp_path)) == 3


def test_a_run_that_is_being_unpacked_is_not_listed(finished: Path, tmp_path: Path) -> None:
    shutil.copytree(finished, tmp_path / ".import-0123456789abcdef")
    assert run_folder.list_runs(tmp_path) == []


# Files made to do harm

NAMES = [
    "../config.json", "/etc/passwd", "keyframes/../../evil", "C:\\evil", "keyframes/0000000001.safetensors/",
    "..\\evil", "evil.py", "keyframes/evil.py", ".lock", ".git/config", "keyframes//0000000001.safetensors", "",
    "checkpoint.safetensors/", "deep/config.json", "CONFIG.JSON", "trainer.log", "config.json\0.txt", "./config.json",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_an_entry_that_no_run_has_is_refused(finished: Path, tmp_path: Path, name: str) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for known, content in contents(export_run(finished)).items():
            archive.writestr(known, content)
        entry = zipfile.ZipInfo("placeholder")
        entry.filename = entry.orig_filename = name
        archive.writestr(entry, b"" if name.endswith("/") else b"evil")
    refused_import(buffer.getvalue(), tmp_path / "in" / "runs", "the file (has an entry|is no whole zip)")


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFDIR])
def test_a_link_or_a_device_is_refused(finished: Path, tmp_path: Path, kind: int) -> None:
    known = contents(export_run(finished))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in known.items():
            entry = zipfile.ZipInfo(name)
            if name == run_folder.ABOUT_NAME:
                entry.external_attr = (kind | 0o777) << 16
            archive.writestr(entry, content)
    refused_import(buffer.getvalue(), tmp_path / "in" / "runs", r"about\.json of the file is a link or a folder")


def test_an_entry_twice_is_refused(finished: Path, tmp_path: Path) -> None:
    buffer = io.BytesIO(export_run(finished))
    with zipfile.ZipFile(buffer, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr("config.json", b"{}")
    refused_import(buffer.getvalue(), tmp_path / "in" / "runs", "an entry twice")


def test_a_bomb_is_refused_before_it_is_unpacked(finished: Path, tmp_path: Path) -> None:
    entries = contents(export_run(finished))
    well_packed = packed({**entries, CODES_NAME: bytes(20_000_000)})
    assert len(well_packed) < 1_000_000
    refused_import(well_packed, tmp_path / "in" / "runs", r"codes\.bin of the file is packed suspiciously well")


@pytest.mark.parametrize(
    ("limit", "value", "complaint"),
    [
        ("MOST_ENTRIES", 5, "entries, more than any run"),
        ("MOST_BYTES", 1000, "bytes, more than the 1,000 of any run"),
        ("_LARGEST_TEXT", 10, r"\.json of the file has .* bytes, too many"),
        ("_LARGEST_LOG", 10, r"metrics\.jsonl of the file has .* bytes, too many"),
    ],
)
def test_a_file_beyond_a_limit_is_refused(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, value: int, complaint: str
) -> None:
    content = export_run(finished)
    monkeypatch.setattr(run_archive, limit, value)
    refused_import(content, tmp_path / "in" / "runs", complaint)


def test_what_unpacks_to_too_much_is_refused(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = packed({**contents(export_run(finished)), CODES_NAME: bytes(900_000)})
    monkeypatch.setattr(run_archive, "MOST_BYTES", 900_000)
    refused_import(content, tmp_path / "in" / "runs", "unpacks to .* bytes, more than 900,000")


def test_an_entry_that_is_longer_than_it_says_is_refused(finished: Path, tmp_path: Path) -> None:
    content = bytearray(export_run(finished))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        length = archive.getinfo(CODES_NAME).file_size
    at = content.rfind(CODES_NAME.encode()) - 46  # its place in the central directory
    assert struct.unpack_from("<I", content, at + 24) == (length,)
    struct.pack_into("<I", content, at + 24, length - 20)
    refused_import(bytes(content), tmp_path / "in" / "runs", "no whole zip file|not as long as it says")


def test_an_encrypted_entry_is_refused(finished: Path, tmp_path: Path) -> None:
    content = bytearray(export_run(finished))
    at = content.rfind(CODES_NAME.encode()) - 46
    content[at + 8] |= 1
    refused_import(bytes(content), tmp_path / "in" / "runs", "the file is no whole zip file")


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("config.json", b"{broken", "config.json is damaged"),
        ("config.json", b"{}", "belongs to another run"),
        ("config.json", b'{"version": 99}', "newer version"),
        ("state.json", b"[" * 100_000, "state.json is damaged"),
        ("control.json", b'{"beta": NaN}', "control.json is not understood"),
        (METRICS_NAME, b'{"step": "x"}\n', "metrics.jsonl is damaged"),
        (CODES_NAME, b"x" * 100, "codes.bin is damaged"),
        ("checkpoint.safetensors", b"x" * 100, "checkpoint.safetensors is damaged"),
        ("keyframes/0000000012.safetensors", b"", "safetensors is damaged"),
    ],
)
def test_a_run_that_is_not_whole_is_refused(
    finished: Path, tmp_path: Path, name: str, content: bytes, complaint: str
) -> None:
    spoilt = packed({**contents(export_run(finished)), name: content})
    refused_import(spoilt, tmp_path / "in" / "runs", complaint)


@pytest.mark.parametrize("content", [b"", b"nonsense", b"PK\x05\x06" + bytes(18), packed({"notes.txt": b"mine"})])
def test_what_is_no_run_is_refused(tmp_path: Path, content: bytes) -> None:
    refused_import(content, tmp_path / "in" / "runs", "no whole zip file|holds no run")


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A run that has not begun, as a zip file."""
    folder = tmp_path_factory.mktemp("small")
    runs.create(folder / "run", make_config(write_data_set(folder / "data.npz")))
    return export_run(folder / "run")


@given(at=st.integers(0, 10**6), value=st.integers(0, 255), cut=st.none() | st.integers(0, 10**6))
def test_any_byte_changed_and_any_end_cut_off_is_a_sentence_or_a_whole_run(
    small: bytes, tmp_path_factory: pytest.TempPathFactory, at: int, value: int, cut: int | None
) -> None:
    content = bytearray(small)
    content[at % len(content)] = value
    folder = tmp_path_factory.mktemp("in") / "runs"
    try:
        run = import_run(bytes(content[: None if cut is None else cut % len(content)]), folder)
    except LatentExplorerError:
        assert not folder.exists() or list(folder.iterdir()) == []
    else:
        assert run_check.check(run) == []


def test_a_file_that_is_not_there_and_a_folder_are_named(tmp_path: Path) -> None:
    refused_import(tmp_path / "none.zip", tmp_path / "in" / "runs", r"none\.zip cannot be read: No such file")
    refused_import(tmp_path, tmp_path / "in" / "runs", "cannot be read: Is a directory")


@pytest.mark.parametrize("broken", [lambda folder: full("checkpoint"), read_only])
def test_a_disk_that_fails_is_named_and_left_clean(
    finished: Path, tmp_path: Path, broken: Callable[[Path], AbstractContextManager[None]]
) -> None:
    content, folder = export_run(finished), tmp_path / "in" / "runs"
    folder.mkdir(parents=True)
    with broken(folder), pytest.raises(LatentExplorerError, match=r"cannot write to .*(No space left|Read-only)"):
        import_run(content, folder)
    assert list(folder.iterdir()) == []


def test_what_is_no_run_cannot_be_packed(tmp_path: Path) -> None:
    with pytest.raises(LatentExplorerError, match="is not a run"):
        export_run(tmp_path)


def test_runs_are_given_away_and_taken_in_from_a_terminal(
    finished: Path, tmp_path: Path, capsys: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "run.zip"
    assert cli.main(["runs", "export", str(finished), str(file), "--json"]) == 0
    assert printed_json(capsys)["file"] == str(file)
    assert cli.main(["runs", "import", str(file), "--to", str(tmp_path / "there"), "--json"]) == 0
    assert Path(printed_json(capsys)["run"]).parent == tmp_path / "there"
    monkeypatch.setenv(run_folder.ROOT_VARIABLE, str(tmp_path / "usual"))
    assert cli.main(["runs", "import", str(file)]) == 0
    assert "imported" in capsys.readouterr().err
    assert len(run_folder.list_runs(tmp_path / "usual")) == 1
    assert "is not a run" in refused(capsys, "runs", "export", tmp_path, file)
    assert "cannot be read" in refused(capsys, "runs", "import", tmp_path / "none.zip")
    assert "holds no run" in refused(capsys, "runs", "import", _zip(tmp_path / "other.zip"))
    assert "cannot write" in refused(capsys, "runs", "export", finished, finished / "config.json" / "x.zip")


def _zip(path: Path) -> Path:
    path.write_bytes(packed({"a.txt": json.dumps({}).encode()}))
    return path
