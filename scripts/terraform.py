#!/usr/bin/env python3
"""Writes tests/it/facts/terraform.json: the arguments of Terraform's resource types, as far as `export terraform` uses them.

The source is the npm package @cdktf/provider-aws, whose code was generated from the schema of the provider hashicorp/aws.

    python3 scripts/terraform.py                 every type that src/export/terraform names
    python3 scripts/terraform.py aws_sns_topic   only these
"""

import json
import pathlib
import re
import subprocess
import sys
import tarfile
import tempfile

PACKAGE = "@cdktf/provider-aws@21.22.1"
ROOT = pathlib.Path(__file__).resolve().parent.parent
FACTS = ROOT / "tests/it/facts/terraform.json"


def used():
    """The types that the program can write."""
    text = "".join(file.read_text() for file in sorted((ROOT / "src/export/terraform").glob("*.rs")))
    return sorted(set(re.findall(r'"(aws_[a-z0-9_]{2,})"', text)) | {"aws_secretsmanager_secret_version"})


def fetched():
    """The package's files that describe the used types, by name."""
    with tempfile.TemporaryDirectory() as folder:
        packed = subprocess.run(
            ["npm", "pack", "--silent", PACKAGE], cwd=folder, check=True, capture_output=True, text=True
        ).stdout.split()[-1]
        with tarfile.open(f"{folder}/{packed}") as archive:
            wanted = {f"package/lib/{name}/index.{kind}" for kind in ("js", "d.ts") for name in map(folder_of, TYPES)}
            wanted.add("package/lib/provider/index.js")
            return {name: archive.extractfile(name).read().decode() for name in wanted if name in archive.getnames()}


def folder_of(kind):
    """The folder of a type: a data source has one of its own."""
    name = kind.removeprefix("aws_").replace("_", "-")
    return f"data-aws-{name}" if kind == "aws_secretsmanager_secret_version" else name


def interfaces(text):
    """For each interface, its members: the name in Terraform, and whether it is required."""
    found = {}
    for name, content in re.findall(r"export interface (\w+)[^{]*\{\n(.*?)\n\}", text, re.S):
        members = re.findall(r"#(\w+) \w+#\w+\}(?:(?!\*/).)*\*/\s+readonly (\w+)(\??): ([^;]+);", content, re.S)
        found[name] = {snake: not optional for snake, _, optional, _ in members}
    return found


def attributes(text, begin):
    """The members of the object `attrs` after the text `begin`: the function that writes each, and whether it is a block."""
    at = text.index(begin)
    content = text[text.index("const attrs = {", at):]
    content = content[:content.index("\n    };") if begin.startswith("function") else content.index("\n        };")]
    members = re.findall(r"(\w+): \{\s+value: (.*?),\s+isBlock: (true|false),\s+type: \"(\w+)\"", content, re.S)
    return [(name, value, block == "true", shape) for name, value, block, shape in members]


def described(text, required, begin):
    """The arguments that the function after `begin` writes, with their content if they are blocks."""
    arguments = {}
    for name, value, block, shape in attributes(text, begin):
        fact = {"required": required.get(name, False)}
        writer = re.search(r"(\w+)ToHclTerraform", value)
        nested = writer and not re.match(r"(string|number|boolean|any)$", writer.group(1))
        if block and nested:
            inner = writer.group(1)
            interface = INTERFACES.get(inner[0].upper() + inner[1:], {})
            fact["block"] = described(text, interface, f"function {inner}ToHclTerraform(struct) {{")
        elif nested:
            fact["map"] = True
        elif shape == "map":
            fact["map"] = True
        elif "anyToHclTerraform" in value:
            fact["any"] = True
        arguments[name] = fact
    return dict(sorted(arguments.items()))


def of_type(kind, files):
    folder = folder_of(kind)
    code, types = files[f"package/lib/{folder}/index.js"], files[f"package/lib/{folder}/index.d.ts"]
    INTERFACES.clear()
    INTERFACES.update(interfaces(types))
    config = re.search(r"export interface (\w+) extends cdktf\.TerraformMetaArguments", types).group(1)
    config = INTERFACES.get(config, {})
    return described(code, config, "    synthesizeHclAttributes() {")


INTERFACES = {}
TYPES = sys.argv[1:] or used()

if __name__ == "__main__":
    files = fetched()
    version = re.search(r"providerVersion: '([\d.]+)'", files["package/lib/provider/index.js"]).group(1)
    facts = {
        "source": f"npm {PACKAGE}: the schema of hashicorp/aws {version}",
        "types": {kind: of_type(kind, files) for kind in TYPES},
    }
    if sys.argv[1:]:
        print(json.dumps(facts, indent=1))
    else:
        lines = ",\n".join(f"{json.dumps(kind)}:{json.dumps(fact, separators=(',', ':'))}" for kind, fact in facts["types"].items())
        FACTS.write_text('{"source":' + json.dumps(facts["source"]) + ',"types":{\n' + lines + "\n}}\n")
        print(f"{len(TYPES)} types of hashicorp/aws {version}: {FACTS.relative_to(ROOT)}")
