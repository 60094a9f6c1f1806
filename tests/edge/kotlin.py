"""The Kotlin client on a JVM, compiled where there is a compiler."""

import os
import pathlib
import re
import shutil
import subprocess

import pytest

SOURCE = pathlib.Path(__file__).parents[2] / "tflite" / "android"
LIBRARY = pathlib.Path(__import__("ai_edge_litert").__file__).parent / "libLiteRt.so"
LEAST_JAVA = 22  # java.lang.foreign


def java():
    """The Java to run with, or None: where it is too old."""
    named = pathlib.Path(os.environ.get("JAVA_HOME", "/nowhere"), "bin", "java")
    path = str(named) if named.exists() else shutil.which("java")
    said = subprocess.run([path, "-version"], capture_output=True, text=True).stderr if path else ""
    found = re.search(r'version "(\d+)', said)
    return path if found and int(found[1]) >= LEAST_JAVA else None


def compiler():
    return os.environ.get("KERASVISION_KOTLINC") or shutil.which("kotlinc")


needs_kotlin = pytest.mark.skipif(
    not (compiler() and java()), reason="no Kotlin compiler (KERASVISION_KOTLINC) or no Java 22 (JAVA_HOME)"
)


def compiled(jar, *folders, target):
    words = [compiler(), *folders, "-jvm-target", target, "-include-runtime", "-d", jar]
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True)
    assert done.returncode == 0 and "warning:" not in done.stderr, done.stderr


def program(jar):
    """The words that run it, compiled to a path of a .jar."""
    compiled(jar, SOURCE / "core" / "src", SOURCE / "desktop" / "src", target="22")
    return [java(), "--enable-native-access=ALL-UNNAMED", "-jar", str(jar), "--litert", str(LIBRARY)]


def asked(program, *words):
    """(exit code, lines of stdout, what the client itself says on stderr)."""
    done = subprocess.run([*program, *map(str, words)], capture_output=True, text=True)
    said = [line for line in done.stderr.splitlines() if line.startswith(("kerasvision-edge", "usage", "Exception"))]
    return done.returncode, done.stdout.splitlines(), said
