#!/usr/bin/env python3
"""How long `securelambda dev` takes from the save of a file until the new code answers requests.

    python3 benches/dev.py [SAVES]

Starts the emulator in a cache folder of its own (SECURELAMBDA_CACHE_DIR, if it is set), creates a stack with one open route,
saves its function SAVES times (20), and calls the route until it answers with the new text. Prints each time, the median and
the longest. SECURELAMBDA names the program; otherwise target/release/securelambda is used.
"""
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAM = os.environ.get('SECURELAMBDA', str(ROOT / 'target/release/securelambda'))
STACK = '''
[stack]
name = "dev-bench"
[functions.Hello]
source = "hello"
[api]
[[api.routes]]
route = "GET /hello"
function = "Hello"
auth = "none"
'''


def code(text):
    return f'export const handler = async () => ({{ statusCode: 200, body: {json.dumps(text)} }});\n'


def answer(url):
    try:
        with urllib.request.urlopen(url, timeout=10) as response:
            return response.read().decode()
    except urllib.error.HTTPError:
        return None


def main():
    saves = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        environment = {**os.environ, 'SECURELAMBDA_CACHE_DIR': os.environ.get('SECURELAMBDA_CACHE_DIR', str(folder / 'cache'))}
        project = folder / 'project'
        (project / 'hello').mkdir(parents=True)
        (project / 'securelambda.toml').write_text(STACK)
        function = project / 'hello/index.mjs'
        function.write_text(code('0'))

        def run(*words):
            done = subprocess.run([PROGRAM, *words], cwd=project, env=environment, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
            return done.stdout

        watching = subprocess.Popen([PROGRAM, 'dev'], cwd=project, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        try:
            for line in watching.stderr:
                if 'live after' in line:
                    break
            # Nobody may stop reading what it writes.
            reader = subprocess.Popen(['cat'], stdin=watching.stderr, stdout=subprocess.DEVNULL)
            url = run('outputs', 'GET /hello', '--local').strip()
            assert answer(url) == '0'
            times = []
            for number in range(1, saves + 1):
                time.sleep(0.5)
                function.write_text(code(str(number)))
                began = time.monotonic()
                while answer(url) != str(number):
                    assert time.monotonic() - began < 60, 'the new code did not answer within a minute'
                    time.sleep(0.02)
                times.append(time.monotonic() - began)
                print(f'save {number:>3}: {times[-1]:.2f} s', flush=True)
            print(f'median {statistics.median(times):.2f} s, longest {max(times):.2f} s, {saves} saves')
        finally:
            watching.terminate()
            watching.wait(30)
            run('down', '--local')
            run('local', 'stop')


if __name__ == '__main__':
    main()
