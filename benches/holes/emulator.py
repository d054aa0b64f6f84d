"""The emulator. This module needs no package, because only the emulator's own Python environment has botocore."""

import os
import subprocess
import urllib.request

REGION = "eu-central-1"


class Emulator:
    """The emulator that the program installs and starts, in a cache folder of the benchmark's own."""

    def __init__(self, program, cache, endpoint=None):
        self.program, self.cache, self.endpoint = program, cache, endpoint
        cache.mkdir(parents=True, exist_ok=True)

    def environment(self):
        return {
            "PATH": os.environ["PATH"], "HOME": str(self.cache), "SECURELAMBDA_CACHE_DIR": str(self.cache),
            "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def start(self):
        ran = subprocess.run([self.program, "--quiet", "local", "start"], env=self.environment(), cwd=self.cache,
                             stdout=subprocess.PIPE, text=True, check=True)
        self.endpoint = ran.stdout.split()[0]
        return self

    def stop(self):
        subprocess.run([self.program, "--quiet", "local", "stop"], env=self.environment(), cwd=self.cache, check=True)

    def reset(self):
        request = urllib.request.Request(self.endpoint + "/_ministack/reset", method="POST", data=b"")
        urllib.request.urlopen(request, timeout=30).read()
