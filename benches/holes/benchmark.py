"""Runs the parts of the benchmark and adds up their results."""

import dataclasses
import json
import pathlib
import statistics
import sys
import time

import botocore

from . import model, planted, plant, stacks, tables

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "proof.md"


def say(text):
    print(text, file=sys.stderr, flush=True)


def chosen(options, holes):
    """The holes of `--only` and `--part`."""
    if options.only:
        holes = [hole for hole in holes if any(
            word.lower() in " ".join([hole.name, hole.stack, *hole.sets, *hole.at]).lower() for word in options.only)]
    if options.part:
        part, of = map(int, options.part.split("/"))
        holes = [hole for number, hole in enumerate(holes) if number % of == part - 1]
    return holes


def run(options, emulator, work):
    holes = planted.holes()
    judged, problems = model.judge(holes)
    problems += plant.unknown_kinds(holes)
    if options.write_fields:
        model.write_snapshot(judged)
        return 1 if problems else 0
    # A newer botocore alone must not fail a run whose fields all have a judgement.
    news = [f"not in fields.tsv yet: {row}" for row in model.news(judged)]
    for problem in [*problems, *news]:
        say(problem)
    if options.check:
        problems += news
    if options.list:
        print(tables.list_of(holes, judged))
    if options.list or options.check:
        print(f"botocore {botocore.__version__}: {len(judged)} fields, {len(holes)} holes, {len(problems)} problems")
        return 1 if problems else 0
    report = {"holes": [], "sound": [], "seconds": {}, "problems": problems}
    begun = time.monotonic()
    if not options.no_holes:
        report["holes"] = plant_all(emulator, work, chosen(options, holes), report["seconds"])
    if not options.no_sound and not options.only:
        names = stacks.SOUND
        if options.part:
            part, of = map(int, options.part.split("/"))
            names = names[part - 1::of]
        report["sound"] = [sound(emulator, work, name, report["seconds"]) for name in names]
    if options.prowler:
        from . import prowler
        report["prowler"] = prowler.run(emulator, work, holes)
    report["elapsed"] = time.monotonic() - begun
    text = tables.report(report)
    print(text)
    if options.json:
        as_json = {**report, "holes": [dataclasses.asdict(result) for result in report["holes"]]}
        pathlib.Path(options.json).write_text(json.dumps(as_json, indent=1) + "\n")
    if options.write_docs:
        page = PAGE.read_text()
        end = page.index("-->", page.index("<!-- The rest of this page is written")) + len("-->")
        PAGE.write_text(page[:end] + "\n\n" + text + "\n")
    return 1 if failed(report) else 0


def failed(report):
    wrong = any(result.missed or result.misjudged or result.outcome == "broken" for result in report["holes"])
    return wrong or any(stack["alarms"] for stack in report["sound"]) or bool(report["problems"])


def plant_all(emulator, work, holes, seconds):
    results = []
    for name in stacks.PLANTED:
        stack = stacks.stack(emulator, name, work)
        all_batches = plant.batches([hole for hole in holes if hole.stack == name])
        for number, batch in enumerate(all_batches, 1):
            found = plant.run(stack, batch)
            results += found
            missed = [result for result in found if result.missed]
            say(f"{name} {number}/{len(all_batches)}: {len(batch)} holes, {len(missed)} not seen or not repaired")
            for result in (result for result in found if result.outcome == "broken"):
                say(f"  {result.hole}: not planted: {result.why[:300]}")
            for result in missed:
                say(f"  {result.hole}: not {', not '.join(result.missed)}  {result.why}")
            for result in (result for result in found if result.misjudged):
                say(f"  {result.hole}: `status` says that it {'weakens' if result.weakening else 'does not weaken'} security  {result.shown[:300]}")
        note_seconds(stack, seconds)
    return results


def sound(emulator, work, name, seconds):
    """Everything that the program finds wrong with a stack that it has just built."""
    stack = stacks.stack(emulator, name, work)
    stack.deploy()
    alarms = []
    for row in stack.status()["resources"]:
        if row["state"] != "live" or row["drift"]:
            alarms.append(f"status: {row['id']}: {plant.text(row)}")
    changes = stack.run("plan", "--json").json()["changes"]
    alarms += [f"plan: {row['action']} {row['id']}" for row in changes if row["action"] != "keep"]
    verified = stack.run("verify", "--json")
    checks = [line for line in verified.lines() if line.get("type") == "check"]
    alarms += [f"verify: {check['subject']}: {check['claim']}: {check['received']}" for check in checks
               if check["verdict"] == "fail"]
    if not checks or verified.code not in (0, 5):
        alarms.append(f"verify ends with {verified.code}: {verified.stderr.strip()[-300:]}")
    note_seconds(stack, seconds)
    say(f"sound {name}: {len(alarms)} false alarms")
    for alarm in alarms:
        say(f"  {alarm[:300]}")
    return {"stack": name, "resources": len(changes), "checks": len(checks), "alarms": alarms,
            "seconds": {command: statistics.median(all_of) for command, all_of in stack.seconds.items()}}


def note_seconds(stack, seconds):
    for command, all_of in stack.seconds.items():
        seconds.setdefault(command, []).extend(all_of)
