#!/usr/bin/env python3
"""Prints src/regions/table.rs: the regions of the partitions that securelambda supports, and what each of them lacks.

Run it by hand with a Python that has a recent botocore:

    python3 -m venv /tmp/botocore && /tmp/botocore/bin/pip install botocore
    /tmp/botocore/bin/python scripts/regions.py >src/regions/table.rs

tests/it/regions.rs runs it with the botocore of the tests' emulator and compares what it prints with the file.

A service counts as lacking in a region only if botocore knows both: the region has an entry in endpoints.json, and the
service has endpoints in other regions, of this partition or another. A region that only partitions.json names is left
out, since nothing is known of its services.
"""

import gzip
import json
import pathlib
import re

import botocore

# The names of the services, as the modules in src/aws declare them: `Service::new("sns", "SNS")`. execute-api is not in
# endpoints.json: it comes with apigateway, which stands for REST APIs and HTTP APIs alike.
SOURCES = sorted((pathlib.Path(__file__).parent.parent / "src/aws").rglob("*.rs"))
DECLARED = re.compile(r'const \w+: Service = Service::new\("([a-z0-9-]+)", "[^"]*"\);')
SERVICES = sorted(name for source in SOURCES for name in DECLARED.findall(source.read_text()))
PARTITIONS = ["aws", "aws-cn", "aws-us-gov"]


def read(name):
    data = pathlib.Path(botocore.__file__).parent / "data"
    plain = data / name
    return json.loads(plain.read_bytes() if plain.exists() else gzip.decompress((data / f"{name}.gz").read_bytes()))


def lacks(partition, region):
    """The services that are nowhere to be found from this region."""
    missing = []
    for service in SERVICES:
        known = partition["services"].get(service)
        # One endpoint for the whole partition, as IAM has it.
        everywhere = known and "partitionEndpoint" in known and not known.get("isRegionalized", True)
        if not (known and (everywhere or region in known["endpoints"])):
            missing.append(service)
    return missing


def main():
    partitions = {partition["partition"]: partition for partition in read("endpoints.json")["partitions"]}
    rows = {region: lacks(partitions[name], region) for name in PARTITIONS for region in partitions[name]["regions"]}
    print(f"//! Made by scripts/regions.py from botocore {botocore.__version__}. Do not edit it: run that again.")
    print()
    print("/// Regions, and the names of the services that each of them lacks.")
    print(f"pub(super) const REGIONS: [(&str, &[&str]); {len(rows)}] = [")
    for region, missing in sorted(rows.items()):
        names = ", ".join(f'"{service}"' for service in missing)
        print(f'    ("{region}", &[{names}]),')
    print("];")


if __name__ == "__main__":
    main()
