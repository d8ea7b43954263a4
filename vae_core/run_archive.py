"""A run as one zip file: packed to be given away, and unpacked with nothing believed that the file says."""

from __future__ import annotations

import io
import os
import secrets
import shutil
import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path, PurePosixPath

from vae_core import run_check, run_files, run_keyframes
from vae_core.errors import LatentExplorerError
from vae_core.files import write_atomically
from vae_core.run_folder import config_path, new_folder, read_about, read_config, read_state, write_about, write_state

MOST_ENTRIES = 2_000
MOST_BYTES = 300_000_000
MOST_RATIO = 200
"""How many times smaller an entry may be packed; trainers write nothing that packs so well."""
_RATIO_COUNTS_FROM = 1_000_000
_LARGEST_TEXT = 1_000_000
_LARGEST_LOG = 60_000_000
_PACKED = tuple(name for name in run_files.KEPT if name != run_files.TRAINER_LOG)
"""What is given away; the trainer's log may name folders of the machine that it ran on."""
_STORED = (".safetensors", ".bin")
_CHUNK = 1 << 20
_REMEDY = "choose a file that `python -m vae_core runs export` has written"


def export_run(run: Path) -> bytes:
    """Return a run, also one that trains, as the bytes of a zip file.

    Raises LatentExplorerError where ``run`` is no run, or is deleted meanwhile.
    """
    read_config(run)
    # The checkpoint first: what the logs say beyond it is dropped when the run goes on, a gap could not be filled.
    names = sorted(_PACKED, key=lambda name: name != run_files.CHECKPOINT_NAME)
    paths = [run / name for name in names] + [run_keyframes.path_of(run, step) for step in run_keyframes.steps(run)]
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path in paths:
            try:
                content = path.read_bytes()
            except FileNotFoundError:  # a run need not have every file, and a keyframe may be thinned away meanwhile
                continue
            except OSError as error:
                raise LatentExplorerError(f"{path} cannot be read: {error.strerror or error}") from error
            kind = zipfile.ZIP_STORED if path.suffix in _STORED else zipfile.ZIP_DEFLATED
            archive.writestr(path.relative_to(run).as_posix(), content, kind)
    if not config_path(run).is_file():
        raise LatentExplorerError(f"{run} was deleted while it was packed: there is nothing to save")
    return buffer.getvalue()


def write_archive(run: Path, path: Path) -> None:
    """Write a run to a zip file. Raises LatentExplorerError where there is no run, or the file cannot be written."""
    write_atomically(path, export_run(run))


def import_run(source: Path | bytes, folder: Path) -> Path:
    """Unpack a run into a new folder under ``folder`` and return that; one that had not finished is stopped.

    Only files that a run has are unpacked, beside their place and renamed in one go once every one has been found
    whole. Raises LatentExplorerError, saying what is wrong, for anything else, and leaves nothing behind then.
    """
    name = source.stem if isinstance(source, Path) else ""
    with _opened(source) as archive:
        entries = _checked(archive)
        passing = folder / f".import-{secrets.token_hex(8)}"
        try:
            passing.mkdir(parents=True)
            _unpack(archive, entries, passing)
            _settle(passing, name)
            return _put_in_place(passing, folder)
        except OSError as error:
            raise LatentExplorerError(
                f"cannot write to {folder}: {error.strerror or error}; free space or choose another folder"
            ) from error
        finally:
            shutil.rmtree(passing, ignore_errors=True)


@contextmanager
def _opened(source: Path | bytes) -> Iterator[zipfile.ZipFile]:
    """Open a zip file, and make a sentence of whatever may be wrong with it while it is read."""
    try:
        size = len(source) if isinstance(source, bytes) else source.stat().st_size
        if size > MOST_BYTES:
            raise LatentExplorerError(
                f"the file has {size:,} bytes, more than the {MOST_BYTES:,} of any run: {_REMEDY}"
            )
        with zipfile.ZipFile(io.BytesIO(source) if isinstance(source, bytes) else source) as archive:
            yield archive
    except OSError as error:
        raise LatentExplorerError(f"{source!s} cannot be read: {error.strerror or error}") from error
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError, RuntimeError) as error:
        raise LatentExplorerError(f"the file is no whole zip file ({error}): {_REMEDY}") from error


def _checked(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """Return the entries to unpack. Raises LatentExplorerError where one is not a run's, or all are too large."""
    entries = [entry for entry in archive.infolist() if entry.filename != f"{run_files.KEYFRAMES}/"]
    if len(entries) > MOST_ENTRIES:
        raise LatentExplorerError(f"the file has {len(entries):,} entries, more than any run: {_REMEDY}")
    names = [entry.filename for entry in entries]
    if len(set(names)) < len(names):
        raise LatentExplorerError(f"the file has an entry twice: {_REMEDY}")
    if run_files.CONFIG_NAME not in names:
        raise LatentExplorerError(f"the file holds no run, for it has no {run_files.CONFIG_NAME}: {_REMEDY}")
    for entry in entries:
        _check_entry(entry)
    total = sum(entry.file_size for entry in entries)
    if total > MOST_BYTES:
        raise LatentExplorerError(f"the file unpacks to {total:,} bytes, more than {MOST_BYTES:,}: {_REMEDY}")
    return entries


def _check_entry(entry: zipfile.ZipInfo) -> None:
    # What the archive itself says, not what zipfile makes of it, which cuts names at a zero byte.
    name = entry.orig_filename
    parts = PurePosixPath(name).parts
    is_keyframe = len(parts) == 2 and parts[0] == run_files.KEYFRAMES and run_files.is_keyframe(parts[1])
    if not (name in _PACKED or (is_keyframe and name == "/".join(parts))):
        raise LatentExplorerError(f"the file has an entry {name[:80]!r}, which no run has: {_REMEDY}")
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if entry.is_dir() or kind not in (0, stat.S_IFREG):
        raise LatentExplorerError(f"the entry {name} of the file is a link or a folder: {_REMEDY}")
    if entry.file_size > max(MOST_RATIO * entry.compress_size, _RATIO_COUNTS_FROM):
        raise LatentExplorerError(f"the entry {name} of the file is packed suspiciously well: {_REMEDY}")
    largest = {".json": _LARGEST_TEXT, ".jsonl": _LARGEST_LOG}.get(Path(name).suffix, MOST_BYTES)
    if entry.file_size > largest:
        raise LatentExplorerError(f"the entry {name} of the file has {entry.file_size:,} bytes, too many: {_REMEDY}")


def _unpack(archive: zipfile.ZipFile, entries: list[zipfile.ZipInfo], folder: Path) -> None:
    (folder / run_files.KEYFRAMES).mkdir()
    for entry in entries:
        with archive.open(entry) as packed, (folder / entry.filename).open("xb") as file:
            # Never more than was promised, whatever the archive holds.
            left = entry.file_size
            while left > 0 and (chunk := packed.read(min(_CHUNK, left))):
                file.write(chunk)
                left -= len(chunk)
            if left or packed.read(1):
                raise LatentExplorerError(
                    f"the entry {entry.filename} of the file is not as long as it says: {_REMEDY}"
                )


def _settle(run: Path, name: str) -> None:
    """Make the run one of this machine, where nobody trains it. Raises LatentExplorerError where it is not whole."""
    problems = [problem.replace(f"{run}{os.sep}", "") for problem in run_check.check(run)]
    if problems:
        raise LatentExplorerError(f"the run in the file is damaged: {problems[0]}")
    state, about = read_state(run), read_about(run)
    is_finished = state.status == "finished"
    status, reason = ("finished", "") if is_finished else ("stopped", "it was imported: resume it")
    write_state(run, replace(state, status=status, reason=reason, pid=0, process_started=0.0))
    if about.name == run.name:
        # Nobody named it, so it is called after the file rather than after the passing folder.
        write_about(run, replace(about, name=name))


def _put_in_place(passing: Path, folder: Path) -> Path:
    while True:
        target = new_folder(folder)
        try:
            target.mkdir()
        except FileExistsError:  # somebody else has just taken the name
            continue
        # The folder is empty and ours, so it is replaced in one go.
        os.replace(passing, target)
        return target
