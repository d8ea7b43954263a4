"""Images as the pixels that a model's likelihood is a density of, packed for the browser to infer from."""

from __future__ import annotations

import zlib
from typing import Final

import numpy as np
import torch
from torch import Tensor

from vae_core.atlas_tensors import pack_tensors
from vae_core.models import PIXELS

IMAGES: Final = "images"


def pack_images(x: Tensor) -> bytes:
    """Return images (N, 1, 28, 28), values in [0, 1] in steps of 1/255, as safetensors bytes.

    The one tensor, ``pixels``, is a zlib stream (RFC 1950) of N rows of 784 bytes, 0..255: digits are mostly black,
    and a sixth or less of their size travels. The header's ``images`` entry has version, id and the count N.
    """
    grey = (255 * x.reshape(-1, PIXELS)).round().to(torch.uint8)
    stream = np.frombuffer(zlib.compress(grey.numpy().tobytes()), np.uint8)
    return pack_tensors(IMAGES, {"count": len(grey)}, {"pixels": torch.from_numpy(stream.copy())})
