"""The logs of a run: read while they grow, cut short, damaged and replaced."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vae_core import run_records
from vae_core.errors import LatentExplorerError
from vae_core.run_records import (
    CODES_NAME,
    EVENTS_NAME,
    METRICS_NAME,
    CodesReader,
    LineReader,
    append_codes,
    append_line,
    keep_codes,
    keep_lines,
    parse_codes,
    read_events,
    read_metrics,
    thin_codes,
)


def _codes(step: int, count: int = 3) -> torch.Tensor:
    return torch.full((count, 2), float(step)) + torch.arange(count)[:, None]


def _record(step: int, count: int = 3) -> bytes:
    return run_records._record(step, _codes(step, count))


@given(pieces=st.lists(st.integers(0, 40), max_size=30))
def test_a_growing_log_is_read_line_by_line_however_it_arrives(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[int]
) -> None:
    path = tmp_path_factory.mktemp("run") / METRICS_NAME
    content = b"".join(run_records._line({"step": step, "note": "é\n\r"}) for step in range(12))
    reader, seen, at = LineReader(path), [], 0
    for piece in [*pieces, len(content)]:
        with path.open("ab") as file:
            file.write(content[at : at + piece])
        at += piece
        seen += [line["step"] for line in reader.read()]
        assert len(seen) == content[:at].count(b"\n")
        assert not reader.replaced
    assert seen == list(range(12))


@given(pieces=st.lists(st.integers(0, 60), max_size=30))
def test_growing_snapshots_are_read_one_by_one_however_they_arrive(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[int]
) -> None:
    run = tmp_path_factory.mktemp("run")
    content = b"".join(map(_record, range(10)))
    reader, seen, at = CodesReader(run), [], 0
    for piece in [*pieces, len(content)]:
        with (run / CODES_NAME).open("ab") as file:
            file.write(content[at : at + piece])
        at += piece
        seen += [step for step, _ in reader.read()]
        assert len(seen) == min(at, len(content)) // len(_record(0))
    assert seen == list(range(10))


@given(content=st.binary(max_size=200), kept=st.integers(0, 3))
def test_any_bytes_after_whole_snapshots_are_left_out(content: bytes, kept: int) -> None:
    whole = b"".join(map(_record, range(kept)))
    snapshots, length = parse_codes(whole + content)
    assert [step for step, _ in snapshots[:kept]] == list(range(kept))
    assert length >= len(whole)


def test_snapshots_keep_their_codes_to_half_precision(tmp_path: Path) -> None:
    codes = torch.tensor([[0.1, -3.25], [1e9, -1e9]])
    append_codes(tmp_path, 7, codes)
    ((step, read),) = CodesReader(tmp_path).read()
    assert step == 7
    assert torch.equal(read[0], codes[0].half().float())
    assert read[1].tolist() == [65504.0, -65504.0]


@pytest.mark.parametrize(
    "odd",
    [
        run_records._HEAD.pack(b"LXC1", 9, 0, 0),  # no codes
        _record(9, count=4),  # another number of them
        _record(1),  # a step that has been
        _record(2**60),
        b"XXXX" + _record(9)[4:],
        _record(9)[:-1] + b"\xff",
    ],
)
def test_a_record_that_does_not_follow_ends_the_snapshots(tmp_path: Path, odd: bytes) -> None:
    (tmp_path / CODES_NAME).write_bytes(_record(0) + _record(1) + odd + _record(10))
    assert [step for step, _ in CodesReader(tmp_path).read()] == [0, 1]
    reader = CodesReader(tmp_path)
    (tmp_path / CODES_NAME).write_bytes(_record(0) + _record(1))
    reader.read()
    with (tmp_path / CODES_NAME).open("ab") as file:
        file.write(odd)
    assert reader.read() == []


def _replace_keeping_the_number(path: Path, content: bytes) -> None:
    """Write other content under the same inode number, as happens when a file system gives it out again."""
    path.write_bytes(content)


def test_a_log_that_was_replaced_is_read_from_its_beginning(tmp_path: Path) -> None:
    path = tmp_path / METRICS_NAME
    keep_lines(path, [{"step": step} for step in range(5)])
    reader = LineReader(path)
    assert len(reader.read()) == 5
    keep_lines(path, [{"step": step} for step in range(3)])
    assert ([line["step"] for line in reader.read()], reader.replaced) == ([0, 1, 2], True)
    append_line(path, {"step": 3})
    assert ([line["step"] for line in reader.read()], reader.replaced) == ([3], False)
    _replace_keeping_the_number(path, b"".join(run_records._line({"step": step}) for step in range(50, 80)))
    assert ([line["step"] for line in reader.read()], reader.replaced) == (list(range(50, 80)), True)


def test_snapshots_that_were_replaced_are_read_from_the_beginning(tmp_path: Path) -> None:
    keep_codes(tmp_path, [(step, _codes(step)) for step in range(6)])
    reader = CodesReader(tmp_path)
    assert len(reader.read()) == 6
    _replace_keeping_the_number(tmp_path / CODES_NAME, b"".join(map(_record, range(0, 20, 2))))
    assert ([step for step, _ in reader.read()], reader.replaced) == (list(range(0, 20, 2)), True)
    assert (reader.read(), reader.replaced) == ([], False)


def test_a_damaged_line_is_named_each_time_until_it_is_put_right(tmp_path: Path) -> None:
    path = tmp_path / METRICS_NAME
    path.write_bytes(b'{"step": 1}\n')
    reader = LineReader(path)
    assert reader.read() == [{"step": 1}]
    whole = path.read_bytes()
    with path.open("ab") as file:
        file.write(b'{"step": 2}\nnonsense\n')
    for _ in range(2):
        with pytest.raises(LatentExplorerError, match=r"line 3 of .*metrics\.jsonl is damaged"):
            reader.read()
    path.write_bytes(whole + b'{"step": 2}\n')
    assert reader.read() == [{"step": 2}]


@pytest.mark.parametrize(
    "line",
    ['{}', '{"step": -1}', '{"step": 1.5}', '{"step": true}', '{"step": "1"}', f'{{"step": {10**30}}}', "", "null",
     '{"step": 1, "kl": null}', '{"step": 1, "test_kl": "x"}', '{"step": 1, "beta": NaN}', "[" * 100_000,
     '{"step": 1, "beta": true}', '{"step": 1, "kl": ' + "9" * 5000 + "}"],
)  # fmt: skip
def test_a_line_of_metrics_that_no_trainer_writes_is_damaged(tmp_path: Path, line: str) -> None:
    (tmp_path / METRICS_NAME).write_text('{"step": 0}\n' + line + "\n")
    with pytest.raises(LatentExplorerError, match="line 2 of"):
        read_metrics(tmp_path)


@pytest.mark.parametrize(
    "line",
    ['{"step": 1}', '{"step": 1, "beta": 1}', '{"step": 1, "beta": -1, "learning_rate": null}',
     '{"step": 1, "beta": null, "learning_rate": "x"}'],
)  # fmt: skip
def test_an_event_that_no_trainer_writes_is_damaged(tmp_path: Path, line: str) -> None:
    (tmp_path / EVENTS_NAME).write_text(line + "\n")
    with pytest.raises(LatentExplorerError, match=r"line 1 of .*events\.jsonl"):
        read_events(tmp_path)


def test_numbers_that_json_has_not_become_null(tmp_path: Path) -> None:
    append_line(tmp_path / METRICS_NAME, {"step": 1, "validation_loss": float("inf"), "name": "x"})
    assert read_metrics(tmp_path) == [{"step": 1, "validation_loss": None, "name": "x"}]


def test_a_log_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / METRICS_NAME).mkdir()
    with pytest.raises(LatentExplorerError, match=r"metrics\.jsonl cannot be read"):
        read_metrics(tmp_path)


def test_logs_that_are_not_there_are_empty(tmp_path: Path) -> None:
    assert (read_metrics(tmp_path), read_events(tmp_path), CodesReader(tmp_path).read()) == ([], [], [])
    (tmp_path / "file").touch()
    assert read_metrics(tmp_path / "file") == []


@given(count=st.integers(1, 30), most=st.integers(2, 10))
def test_thinning_keeps_the_first_the_newest_and_no_more_than_needed(
    tmp_path_factory: pytest.TempPathFactory, count: int, most: int
) -> None:
    run = tmp_path_factory.mktemp("run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_records, "MOST_SNAPSHOTS", most)
        for step in range(count):
            append_codes(run, step, _codes(step))
            left = thin_codes(run)
    kept = CodesReader(run).read()
    assert left == len(kept) <= most
    assert (kept[0][0], kept[-1][0]) == (0, count - 1)
    assert all(torch.equal(codes, _codes(step)) for step, codes in kept)


def test_a_reader_that_comes_back_after_the_file_was_gone_begins_again(tmp_path: Path) -> None:
    path = tmp_path / METRICS_NAME
    keep_lines(path, [{"step": 1}, {"step": 2}])
    reader = LineReader(path)
    reader.read()
    os.unlink(path)
    assert reader.read() == []
    keep_lines(path, [{"step": 5}])
    values: list[dict[str, Any]] = reader.read()
    assert values == [{"step": 5}]
