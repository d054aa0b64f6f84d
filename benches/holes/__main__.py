"""A benchmark of the proof: plants holes with another tool, and counts the holes that the program reports and repairs.

docs/proof.md describes the method. The benchmark needs a built program (SECURELAMBDA, or target/debug/securelambda) and
nothing else: the program installs and starts the emulator, whose Python environment then runs this script.
"""

import sys

sys.dont_write_bytecode = True

import argparse
import fcntl
import glob
import os
import pathlib
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]


def arguments():
    parser = argparse.ArgumentParser(prog="benches/holes", description=__doc__)
    parser.add_argument("--list", action="store_true", help="print the holes and the fields that are left out, and why")
    parser.add_argument("--check", action="store_true", help="only check that every field of the models is judged")
    parser.add_argument("--write-fields", action="store_true", help="write fields.tsv again: run this after you add judgements for new fields")
    parser.add_argument("--only", metavar="TEXT", action="append", help="only the holes whose name, stack or field contains it")
    parser.add_argument("--part", metavar="K/N", help="only one part of N of the holes, as in 1/4")
    parser.add_argument("--no-sound", action="store_true", help="leave out the sound stacks")
    parser.add_argument("--no-holes", action="store_true", help="leave out the holes")
    parser.add_argument("--prowler", action="store_true", help="also run Prowler; installs it on first use")
    parser.add_argument("--json", metavar="FILE", help="write the results to a file")
    parser.add_argument("--write-docs", action="store_true", help="write the tables to docs/proof.md")
    return parser.parse_args()


def program():
    target = os.environ.get("CARGO_TARGET_DIR") or ROOT / "target"
    found = pathlib.Path(os.environ.get("SECURELAMBDA") or pathlib.Path(target) / "debug" / "securelambda").resolve()
    if not found.exists():
        sys.exit(f"{found} does not exist: run `cargo build`, or set SECURELAMBDA")
    return found, pathlib.Path(target).resolve() / "holes"


def in_the_emulators_python(cache, endpoint):
    """Runs this script again with the Python that has botocore, and keeps the lock."""
    python = glob.glob(str(cache / "*" / "venv" / "bin" / "python"))
    if python:
        os.execve(python[0], [python[0], "-B", str(pathlib.Path(__file__).parent), *sys.argv[1:]],
                  {**os.environ, "HOLES_ENDPOINT": endpoint})


def locked(work):
    """Lets one run at a time use the emulator. The lock is held while the handle is open, also after `execve`."""
    handle = os.open(work / "lock", os.O_CREAT | os.O_RDWR)
    os.set_inheritable(handle, True)
    fcntl.flock(handle, fcntl.LOCK_EX)


def main():
    options = arguments()
    binary, work = program()
    work.mkdir(parents=True, exist_ok=True)
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
    from holes.emulator import Emulator
    emulator = Emulator(binary, work / "cache", os.environ.pop("HOLES_ENDPOINT", None))
    only_models = options.list or options.check or options.write_fields
    if emulator.endpoint is None:
        if only_models:
            in_the_emulators_python(emulator.cache, "none")
        locked(work)
        in_the_emulators_python(emulator.cache, emulator.start().endpoint)
        sys.exit("the emulator has no Python environment")
    from holes import benchmark
    try:
        return benchmark.run(options, emulator, work)
    finally:
        if emulator.endpoint != "none":
            emulator.stop()


if __name__ == "__main__":
    begun = time.monotonic()
    code = main()
    print(f"{time.monotonic() - begun:.0f} s", file=sys.stderr)
    sys.exit(code)
