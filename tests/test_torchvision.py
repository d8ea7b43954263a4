"""torchvision works beside any build of torch, and only where it would not is anything declared."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def run(code: str, *paths: Path) -> subprocess.CompletedProcess[str]:
    """Run code in a fresh interpreter, with the given folders first on its path and warnings as errors."""
    preamble = f"import sys; sys.path[:0] = {[str(path) for path in (*paths, ROOT)]!r}\n"
    command = [sys.executable, "-W", "error", "-c", preamble + code]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_many_threads_may_import_it_at_once_in_a_fresh_process() -> None:
    result = run(
        "from concurrent.futures import ThreadPoolExecutor\n"
        "from vae_core._torchvision import torchvision\n"
        "import vae_core.data\n"
        "assert 'torchvision' not in sys.modules, 'imported before it is needed'\n"
        "with ThreadPoolExecutor(8) as pool:\n"
        "    modules = list(pool.map(torchvision, ['transforms.v2', 'datasets.mnist', 'utils'] * 4))\n"
        "print(len(modules), modules[1].__name__, torchvision('datasets').KMNIST.__name__)\n"
    )
    assert result.stderr == ""
    assert result.stdout.split() == ["12", "torchvision.datasets.mnist", "KMNIST"]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("", "fine False"),
        ("raise RuntimeError('something else')", "RuntimeError: something else"),
        ("raise ImportError('no such library')", "ImportError: no such library"),
    ],
)
def test_nothing_is_declared_where_the_operators_are_not_what_is_missing(
    tmp_path: Path, body: str, expected: str
) -> None:
    package = tmp_path / "torchvision"
    package.mkdir()
    (package / "__init__.py").write_text(body)
    (package / "transforms.py").write_text("answer = 'fine'")
    result = run(
        "import torch\n"
        "from vae_core._torchvision import torchvision\n"
        "print(torchvision('transforms').answer, hasattr(torch.ops.torchvision, 'nms'))\n",
        tmp_path,
    )
    assert expected in result.stdout + result.stderr
