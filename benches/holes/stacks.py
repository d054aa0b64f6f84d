"""The stacks that holes are planted in, and the sound ones."""

import pathlib
import re
import subprocess

from .stack import STACKS, Stack

BLUEPRINTS = ["tutorial", "http-jwt", "api-to-api"]
# Holes are planted in the blueprints, in the built-in stack with the hardened posture, and in stacks for single
# features: a firewall that blocks, a table, triggers (a queue, a schedule and a pool), Lambda authorizers, routes for
# groups, API keys, routes to servers and fixed answers, custom domains, and an existing user pool.
PLANTED = [*BLUEPRINTS, "hardened", "guarded", "tables", "events", "authorizers", "groups", "partners", "served", "domains",
           "existing"]
SOUND = ["rest-only", "http-only", "two-pools", "no-firewall", "service-users", "identity-pool", "named-apis", "many-routes",
         "greedy-routes", "refusing", "hardened", "guarded", "tables", "events", "authorizers", "groups", "partners", "served",
         "domains", "existing", *BLUEPRINTS]


def stack(emulator, name, work):
    """A stack with a folder of its own, not deployed yet."""
    folder = pathlib.Path(work) / name
    folder.mkdir(parents=True, exist_ok=True)
    if name in BLUEPRINTS:
        return Stack(emulator, name, folder, ["--blueprint", name])
    if name in ("domains", "existing"):
        return Stack(emulator, name, folder, [])
    if name != "hardened":
        return Stack(emulator, name, folder, ["--file", str(STACKS / f"{name}.toml"), "--state-dir", "state"])
    file = folder / "securelambda.toml"
    if not file.exists():
        subprocess.run([emulator.program, "init", "."], cwd=folder, env=emulator.environment(), capture_output=True,
                       check=True)
    text = file.read_text()
    file.write_text(re.sub(r'^(# )?posture = "\w+"', 'posture = "hardened"', text, flags=re.MULTILINE))
    assert 'posture = "hardened"' in file.read_text(), "the stack file of `init` has no line with posture"
    return Stack(emulator, name, folder, [])
