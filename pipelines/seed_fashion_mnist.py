"""Fashion-MNIST for TensorFlow Datasets without a network, from Debian's package `dataset-fashion-mnist`.

    apt-get install dataset-fashion-mnist
    python pipelines/seed_fashion_mnist.py

About half a minute. Afterwards `tfds.load("fashion_mnist", data_dir=...)` and KerasVision's source
`tfds(name="fashion_mnist", data_dir=...)` need no network. Debian ships the original compressed streams, but makes the
gzip header anonymous (no file name, another time), so that TFDS would refuse the files for their checksums. With name
and time put back they equal the original files to the byte, which TFDS's own SHA-256 confirms.

Data: Xiao, Rasul and Vollgraf, Fashion-MNIST (2017), arXiv 1708.07747, MIT license.
"""

import argparse
import hashlib
import pathlib
import struct
import sys

DEBIAN = pathlib.Path("/usr/share/datasets/fashion-mnist")
WRITTEN = {"train": 1504176606, "t10k": 1504176627}  # Unix times in the original headers: August 31, 2017

# gzip header (RFC 1952): magic, method 8 (deflate), flags, time, extra flags, system
_MAGIC, _NAMED, _REST = b"\x1f\x8b\x08", b"\x08", b"\x00\x03"
_HEADER_BYTES = 10


def original(path):
    """The bytes of the file as its authors published it."""
    packed = path.read_bytes()
    if packed[:3] != _MAGIC:
        sys.exit(f"{path}: no gzip file")
    if packed[3:4] == _NAMED:
        return packed
    written = struct.pack("<I", WRITTEN[path.name.split("-")[0]])
    return _MAGIC + _NAMED + written + _REST + path.stem.encode() + b"\0" + packed[_HEADER_BYTES:]


def place(data_dir, source=DEBIAN):
    """Puts the four files where TFDS looks for downloads made by hand. Returns TFDS's builder."""
    import tensorflow_datasets as tfds

    builder = tfds.builder("fashion_mnist", data_dir=str(data_dir))
    manual = pathlib.Path(data_dir) / "downloads" / "manual"
    manual.mkdir(parents=True, exist_ok=True)
    for info in builder.url_infos.values():
        path = pathlib.Path(source) / info.filename
        if not path.is_file():
            sys.exit(f"{path}: no such file; type: apt-get install dataset-fashion-mnist")
        content = original(path)
        if hashlib.sha256(content).hexdigest() != info.checksum:
            sys.exit(f"{path}: not the file that TFDS knows; its SHA-256 should be {info.checksum}")
        (manual / info.filename).write_bytes(content)
    return builder


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", default="~/tensorflow_datasets", help="folder of TFDS (default: %(default)s)")
    parser.add_argument("--source", default=DEBIAN, help=f"folder of the four .gz files (default: {DEBIAN})")
    options = parser.parse_args()
    builder = place(pathlib.Path(options.data_dir).expanduser(), options.source)
    builder.download_and_prepare()
    sizes = ", ".join(f"{name} {split.num_examples}" for name, split in builder.info.splits.items())
    print(f"{builder.info.full_name} is ready in {builder.data_dir}: {sizes}")


if __name__ == "__main__":
    main()
