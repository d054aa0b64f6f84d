"""Checks a Terraform configuration against the schema of the provider, and prints what was found as JSON.

The arguments are the folder of the configuration and the facts of the schema (tests/it/facts/terraform.json). The output
has "problems", "imports" (the type, the address and the id of each) and "kinds" (the types of resources).
"""

import json
import pathlib
import re
import sys

import hcl2

# Arguments that every resource takes.
META = {"depends_on", "lifecycle", "count", "for_each", "provider"}

folder, facts = pathlib.Path(sys.argv[1]), json.loads(pathlib.Path(sys.argv[2]).read_text())["types"]
problems, declared, imports, data = [], {}, [], set()


def bare(text):
    """A text without the quotes that the parser keeps."""
    return json.loads(text) if text.startswith('"') else text


def is_block(value):
    values = value if isinstance(value, list) else [value]
    return bool(values) and all(isinstance(one, dict) and one.get("__is_block__") for one in values)


def check(where, content, arguments):
    for name, value in content.items():
        if name == "__is_block__" or (name in META and "." in where and where.count(".") == 1):
            continue
        fact = arguments.get(name)
        if fact is None:
            problems.append(f"{where} has no argument {name}")
        elif "any" in fact:
            if not is_block(value):
                problems.append(f"{where}.{name} must be a block")
        elif ("block" in fact) != is_block(value):
            problems.append(f"{where}.{name} must {'' if 'block' in fact else 'not '}be a block")
        elif "map" in fact and not isinstance(value, dict):
            problems.append(f"{where}.{name} must be a map")
        elif "map" not in fact and isinstance(value, dict) and "block" not in fact:
            problems.append(f"{where}.{name} must not be a map")
        elif "block" in fact:
            for one in value if isinstance(value, list) else [value]:
                check(f"{where}.{name}", one, fact["block"])
    for name, fact in arguments.items():
        if fact["required"] and name not in content:
            problems.append(f"{where} lacks {name}")


for file in sorted(folder.glob("*.tf")):
    parsed = hcl2.loads(file.read_text())
    for block, found in (("resource", declared), ("data", data)):
        for entry in parsed.get(block, []):
            for kind, named in entry.items():
                if kind == "__is_block__":
                    continue
                for label, content in named.items():
                    if label == "__is_block__":
                        continue
                    address = f"{bare(kind)}.{bare(label)}"
                    if address in found:
                        problems.append(f"{address} is declared twice")
                    if block == "data":
                        data.add(address)
                    else:
                        declared[address] = content
                    if bare(kind) not in facts:
                        problems.append(f"the facts do not have {kind}: run scripts/terraform.py")
                    else:
                        check(address, content, facts[bare(kind)])
    for entry in parsed.get("import", []):
        imports.append((entry["to"].removeprefix("${").removesuffix("}"), bare(entry["id"])))

targets = [to for to, _ in imports]
problems += [f"{address} is imported {targets.count(address)} times" for address in declared if targets.count(address) != 1]
problems += [f"{to} is imported and not declared" for to in targets if to not in declared]

# Every reference leads to a resource of this configuration, and references form no circle.
edges = {}
for address, content in declared.items():
    text = json.dumps(content)
    text = re.sub(r"\$\$\{", "", text)
    edges[address] = set()
    for prefix, kind, label in re.findall(r"(data\.)?\b(aws_[a-z0-9_]+)\.([A-Za-z0-9_]+)", text):
        known = data if prefix else declared
        if f"{kind}.{label}" not in known:
            problems.append(f"{address} refers to {prefix}{kind}.{label}, which does not exist")
        elif not prefix:
            edges[address].add(f"{kind}.{label}")
state = {}


def visit(address):
    if state.get(address) == 1:
        problems.append(f"a circle contains {address}")
    if address not in state:
        state[address] = 1
        for other in sorted(edges[address]):
            visit(other)
        state[address] = 2


for address in declared:
    visit(address)

print(json.dumps({
    "problems": sorted(set(problems)),
    "imports": [[to.split(".")[0], to, name] for to, name in imports],
    "references": sum(map(len, edges.values())),
}))
