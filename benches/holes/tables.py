"""The tables that the benchmark prints."""

import statistics


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |" for row in rows])


def share(part, whole):
    return f"{part} of {whole} ({100 * part / whole:.0f} %)" if whole else "–"


def list_of(holes, judged):
    """Every hole, and every operation with fields that have no hole, with the reasons."""
    rows = [(hole.stack, hole.name, ", ".join(hole.sets), {True: "weakens", False: "does not weaken", None: ""}[hole.weakens])
            for hole in holes]
    left, reasons = {}, []
    for (name, operation, member), (found, reason) in judged.items():
        if not found:
            left.setdefault((name, operation, reason), []).append(member)
    for (name, operation, reason), members in left.items():
        reasons.append((f"{name} {operation}", ", ".join(f"`{member}`" for member in members), reason))
    return "\n\n".join(["Planted:", table(["Stack", "Hole", "Fields", ""], rows), "Left out:",
                        table(["Operation", "Members", "Why"], reasons)])


def report(report):
    parts = []
    if report["holes"]:
        parts += holes_tables(report["holes"])
    if report["sound"]:
        rows = [(one["stack"], one["resources"], one["checks"], len(one["alarms"]),
                 *(f"{one['seconds'][command]:.2f}" for command in ("up", "status", "verify"))) for one in report["sound"]]
        parts.append(table(["Sound stack", "Resources", "Checks", "False alarms", "up, s", "status, s", "verify, s"], rows))
        parts += [f"- false alarm, {one['stack']}: {alarm}" for one in report["sound"] for alarm in one["alarms"]]
    rows = [(command, len(all_of), f"{statistics.median(all_of):.2f}", f"{max(all_of):.2f}")
            for command, all_of in report["seconds"].items()]
    parts.append(table(["Command", "Runs", "Median, s", "Longest, s"], rows))
    if "prowler" in report:
        from . import prowler
        parts.append(prowler.table(report["prowler"]))
    parts.append(f"{report['elapsed']:.0f} s in all.")
    return "\n\n".join(parts)


def holes_tables(results):
    parts, rows = [], []
    for stack in [*dict.fromkeys(result.stack for result in results), None]:
        of = [result for result in results if stack in (None, result.stack)]
        done = [result for result in of if result.outcome == "planted"]
        weakens = [result for result in done if None not in (result.must_weaken, result.weakening)]
        judged = [result for result in done if result.repaired is not None]
        rows.append((stack or "all", len(done), share(sum(r.status for r in done), len(done)),
                     share(sum(r.plan for r in done), len(done)), share(sum(r.verify for r in done), len(done)),
                     share(sum(not r.misjudged for r in weakens), len(weakens)),
                     share(sum(r.repaired for r in judged), len(judged)), len(of) - len(done)))
    parts.append(table(["Stack", "Holes planted", "Seen by status", "Changed by plan", "Seen by verify",
                        "Weakening judged correctly", "Repaired by up", "Not planted"], rows))
    missed = [result for result in results if result.missed]
    if missed:
        parts.append("Misses:")
        parts.append(table(["Stack", "Hole", "Not", "Shown"], [
            (result.stack, result.hole, ", ".join(result.missed), result.shown or result.why) for result in missed]))
    misjudged = [result for result in results if result.misjudged]
    if misjudged:
        parts.append("`status` judged these holes incorrectly:")
        parts.append(table(["Stack", "Hole", "Weakens", "Shown"], [
            (r.stack, r.hole, "yes" if r.must_weaken else "no", r.shown) for r in misjudged]))
    others = [result for result in results if result.outcome != "planted" or result.repaired is None]
    if others:
        parts.append("Holes that were not planted, or whose repair was not judged:")
        parts.append(table(["Stack", "Hole", "Why"], [(r.stack, r.hole, r.why) for r in others]))
    return parts
