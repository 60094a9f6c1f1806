"""Windows over an image of 4096 x 4096 pixels and a volume of 256 x 256 x 256 voxels, in processes of their own."""

import json
import pathlib
import subprocess
import sys

import pytest

MOST = 4 * 2**30  # bytes

PROGRAM = """
import json, sys
import kerasvision
import numpy as np
from kerasvision.core.registry import create
from kerasvision.inference.served import Served

if sys.argv[1] == "image":
    backbone = create("backbones/unet_encoder", width=8, depth=2)
    arch = create("semantic_segmentation/unet", num_classes=12, image_size=(512, 512), resize="windows", width=8,
                  backbone=backbone)
    inputs = {"image": np.random.default_rng(0).integers(0, 256, (1, 4096, 4096, 3), dtype=np.uint8)}
else:
    arch = create("volume_segmentation/unet3d", num_classes=4, volume_size=(64, 64, 64), width=8)
    volume = np.random.default_rng(0).normal(size=(1, 256, 256, 256, 1)).astype(np.float32)
    inputs = {"volume": volume, "spacing_mm": np.ones((1, 3), np.float32)}
mask = Served(arch, arch.build(), ["c"] * arch.num_classes).serve(inputs)["mask"].numpy()
# not getrusage's ru_maxrss, which a process inherits from the one that started it
peak = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(json.dumps({"shape": mask.shape, "peak": 1024 * peak}))
"""


@pytest.mark.slow
@pytest.mark.skipif(not pathlib.Path("/proc/self/status").exists(), reason="reads a process's peak as Linux tells it")
@pytest.mark.parametrize(("kind", "shape"), [("image", [1, 4096, 4096]), ("volume", [1, 256, 256, 256])])
def test_a_large_input_fits_into_4_gib(kind, shape):
    done = subprocess.run([sys.executable, "-c", PROGRAM, kind], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    seen = json.loads(done.stdout.splitlines()[-1])
    print(f"{kind}: {seen['peak'] / 2**30:.2f} GiB at the most")
    assert seen["shape"] == shape
    assert seen["peak"] < MOST
