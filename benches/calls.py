#!/usr/bin/env python3
"""The calls that `up`, `status` and `down` make, for comparing two versions of the program.

Usage: calls.py PROGRAM ENDPOINT [BLUEPRINT...]

Runs the program through a proxy in front of an emulator, in an account and a folder of its own for each blueprint, and
prints every call as one line: blueprint, command, operation, and the request with ids, digests and times replaced. The
lines are sorted and counted, so `diff` compares two versions.
"""

import collections
import http.client
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BLUEPRINTS = ["tutorial", "http-jwt", "api-to-api"]
NOISE = [
    (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "<uuid>"),
    (r"\b[0-9a-f]{64}\b", "<digest>"),
    (r"eu-central-1_\w+", "<pool>"),
    (r"(secret:[\w-]+)-\w{6}\b", r"\1-<suffix>"),
    (r"(?<=/restapis/)\w+", "<api>"),
    (r"(?<=/apis/)\w+", "<api>"),
    (r"/(resources|authorizers|deployments|models|requestvalidators|integrations|routes)/[0-9a-z]{6,12}", r"/\1/<id>"),
    (r'"(clientId|ClientId|authorizerId|requestValidatorId|deploymentId|Id|WebACLArn|value|target)": "[^"]*"', r'"\1": "<id>"'),
    (r"\b[0-9a-z]{10}\.execute-api", "<api>.execute-api"),
    (r"\b[0-9a-f]{8,32}\b", "<hex>"),
    (r"\b[A-Za-z0-9]{26}\b", "<client>"),
    (r"127\.0\.0\.1:\d+", "<endpoint>"),
    (r'"ZipFile": "[^"]*"', '"ZipFile": "<zip>"'),
    (r'"(TemporaryPassword|Password|SecretString|ClientRequestToken)": "(?:[^"\\]|\\.)*"', r'"\1": "<value>"'),
    (r"\b\d{13}\b|\b\d{10}\b", "<time>"),
]


def canonical(body):
    """A JSON body with sorted keys and sorted lists of tags. A form is sorted, and any other body is unchanged."""
    try:
        document = json.loads(body)
    except ValueError:
        return "&".join(sorted(urllib.parse.unquote_plus(body).split("&"))) if "Action=" in body else body

    def in_order(value):
        if isinstance(value, dict):
            return {key: in_order(value[key]) for key in sorted(value)}
        if isinstance(value, list):
            items = [in_order(item) for item in value]
            tags = all(isinstance(item, dict) and "Key" in item for item in items)
            return sorted(items, key=json.dumps) if tags else items
        return value

    return json.dumps(in_order(document))


def plain(text, account):
    text = text.replace(account, "<account>")
    for pattern, instead in NOISE:
        text = re.sub(pattern, instead, text)
    return text


def main():
    program, endpoint = sys.argv[1], urllib.parse.urlsplit(sys.argv[2])
    calls, about = collections.Counter(), {"what": "", "account": ""}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            target = self.headers.get("X-Amz-Target")
            text = canonical(body.decode("utf-8", "replace"))
            line = " ".join([about["what"], target or f"{self.command} {self.path}", text])
            calls[plain(line, about["account"])] += 1
            upstream = http.client.HTTPConnection(endpoint.hostname, endpoint.port)
            upstream.request(self.command, self.path, body, dict(self.headers))
            answer = upstream.getresponse()
            content = answer.read()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in ("transfer-encoding", "content-length", "connection", "date", "server"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for number, blueprint in enumerate(sys.argv[3:] or BLUEPRINTS):
        account = f"{900_000_000_000 + os.getpid() * 10 + number:012}"
        with tempfile.TemporaryDirectory() as folder:
            environment = {
                "PATH": os.environ["PATH"], "HOME": folder, "AWS_ACCESS_KEY_ID": account, "AWS_SECRET_ACCESS_KEY": "test",
                "AWS_REGION": "eu-central-1", "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}",
                # Both names of the variable, because the two versions may have different names for it.
                "SECURELAMBDA_TIME_SCALE": "0.02", "SECURELAMBDA_TEMPO": "0.02",
            }
            for command in (["up", "--yes"], ["status"], ["down", "--yes", "--purge"]):
                about.update(what=f"{blueprint} {command[0]}", account=account)
                run = [program, *command, "--blueprint", blueprint]
                ended = subprocess.run(run, cwd=folder, env=environment, capture_output=True, text=True)
                if ended.returncode != 0:
                    sys.exit(f"{run}: {ended.returncode}\n{ended.stderr}")
    for line, count in sorted(calls.items()):
        # The program asks until a function is active: how often depends on the emulator.
        polled = re.fullmatch(r"\S+ up GET /2015-03-31/functions/[\w-]+ ", line)
        print(f"{'some' if polled else count:>4} {line}")


main()
