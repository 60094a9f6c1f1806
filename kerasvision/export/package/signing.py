"""Whether a version on disk is the one that somebody has signed: ed25519 (RFC 8032) over the digests of its files.

`openssl genpkey -algorithm ed25519 -out key.pem`, `openssl pkey -in key.pem -pubout -out public.pem` make the keys. The
signature stands beside the version, as NAME/VERSION.signature.json, so that no file of the version changes.
"""

import base64
import binascii
import hashlib
import json
import pathlib

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.files import write_text


def sign(path, key):
    """Sign a version's folder with a private key (PEM); the signature's path."""
    from cryptography.hazmat.primitives import serialization

    private = _key(key, lambda pem: serialization.load_pem_private_key(pem, None), "a private ed25519 key")
    document = {"files": _digests(path)}
    document["signature"] = base64.b64encode(private.sign(_message(path, document["files"]))).decode("ascii")
    place = _place(path)
    write_text(place, json.dumps(document, indent=2) + "\n")
    return place


def trusting(key):
    """What raises on a version's folder that is not signed by the owner of a public key (PEM), or is no longer what
    was signed.
    """
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import serialization

    public = _key(key, serialization.load_pem_public_key, "a public ed25519 key")

    def check(path):
        place = _place(path)
        try:
            held = json.loads(place.read_text(encoding="utf-8"))
            files, signature = dict(held["files"]), base64.b64decode(held["signature"], validate=True)
        except FileNotFoundError:
            raise KerasVisionError(f"{path} is not signed; there is no {place.name}") from None
        except (ValueError, KeyError, TypeError, binascii.Error, OSError):
            raise KerasVisionError(f"{place} is no signature") from None
        try:
            public.verify(signature, _message(path, files))
        except InvalidSignature:
            raise KerasVisionError(f"{place.name} was not made by the owner of {key}") from None
        now = _digests(path)
        if changed := sorted(name for name in {*files, *now} if files.get(name) != now.get(name)):
            raise KerasVisionError(f"{path} is not what was signed: {', '.join(changed[:3])}")

    return check


def _place(path):
    path = pathlib.Path(path)
    return path.with_name(f"{path.name}.signature.json")


def _digests(path):
    """{file: sha256} of all files of a folder, which may hold no links to others."""
    digests = {}
    for file in sorted(pathlib.Path(path).rglob("*")):
        if file.is_symlink():
            raise KerasVisionError(f"{file} is a link; a signed version holds its own files")
        if file.is_file():
            digests[file.relative_to(path).as_posix()] = hashlib.sha256(file.read_bytes()).hexdigest()
    if not digests:
        raise KerasVisionError(f"{path} holds no file")
    return digests


def _message(path, files):
    """What is signed: also the model's name and the version's number, so that none can take the place of another, nor
    by a link.
    """
    version = pathlib.Path(path).absolute()
    for folder in (version, version.parent):
        if folder.is_symlink():
            raise KerasVisionError(f"{folder} is a link; a signed version stands where it was signed")
    document = {"model": version.parent.name, "version": version.name, "files": files}
    return json.dumps(document, sort_keys=True).encode("utf-8")


def _key(path, read, what):
    """An ed25519 key of a PEM file. read: its bytes -> a key of whatever kind."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ed25519

    try:
        held = read(pathlib.Path(path).read_bytes())
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, TypeError, UnsupportedAlgorithm):
        held = None
    if not isinstance(held, ed25519.Ed25519PrivateKey | ed25519.Ed25519PublicKey):
        raise UsageError(f"{path} is not {what} without a password; openssl genpkey -algorithm ed25519 makes one")
    return held
