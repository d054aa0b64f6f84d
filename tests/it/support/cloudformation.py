"""Checks a template of CloudFormation and its list of resources to import, and prints the problems as JSON.

The argument is the folder with both. cfn-lint checks the template. The schemas of resource types, which cfn-lint contains,
say which types can be imported and by which properties a resource is identified.
"""

import json
import pathlib
import subprocess
import sys

import cfnlint

folder, region = pathlib.Path(sys.argv[1]), sys.argv[2]
template = json.loads((folder / "template.json").read_text())
imports = json.loads((folder / "resources-to-import.json").read_text())
schemas = {}
for file in (pathlib.Path(cfnlint.__file__).parent / "data/schemas/resources").glob("*.json"):
    schema = json.loads(file.read_text())
    schemas.setdefault(schema["typeName"], schema)

problems = []
lint = [str(pathlib.Path(sys.executable).with_name("cfn-lint")), "--format", "json", "--regions", region, "--template", str(folder / "template.json")]
linted = subprocess.run(lint, capture_output=True, text=True)
if linted.returncode not in (0, 2, 4, 6, 8, 10, 12, 14):
    problems.append(linted.stderr)
for match in json.loads(linted.stdout or "[]"):
    problems.append(f"{match['Rule']['Id']} {'/'.join(map(str, match['Location']['Path'] or []))}: {match['Message']}")

resources = template["Resources"]
if sorted(resources) != sorted(one["LogicalResourceId"] for one in imports):
    problems.append("the resources of the template and those to import differ")
identities = set()
for one in imports:
    name, kind, identity = one["LogicalResourceId"], one["ResourceType"], one["ResourceIdentifier"]
    resource = resources.get(name, {})
    if resource.get("Type") != kind:
        problems.append(f"{name} has the type {resource.get('Type')} in the template and {kind} in the list")
    if "DeletionPolicy" not in resource:
        problems.append(f"{name} has no DeletionPolicy, which an import demands")
    schema = schemas.get(kind)
    if schema is None:
        problems.append(f"there is no type {kind}")
        continue
    if "read" not in schema.get("handlers", {}):
        problems.append(f"{kind} cannot be imported")
    wanted = {path.removeprefix("/properties/") for path in schema["primaryIdentifier"]}
    if set(identity) != wanted:
        problems.append(f"{name} is identified by {sorted(identity)} instead of {sorted(wanted)}")
    for key, value in identity.items():
        written = resource.get("Properties", {}).get(key)
        if not value or not isinstance(value, str):
            problems.append(f"{name} has no {key}")
        # A property that is written as a text must be the identifier.
        elif isinstance(written, str) and written != value:
            problems.append(f"{name}: {key} is {written} in the template and {value} in the list")
    key = (kind, json.dumps(identity, sort_keys=True))
    if key in identities:
        problems.append(f"{name} is imported twice")
    identities.add(key)

print(json.dumps({"problems": problems, "types": sorted({one["ResourceType"] for one in imports})}))
