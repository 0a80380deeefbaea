"""The report: a table for people, the same as JSON for programs."""

import json
import os
import platform
import statistics
import time
from pathlib import Path

from bench.figures import FIGURES, Metric


def medians(samples: list[dict[str, float]]) -> dict[str, float]:
    return {key: statistics.median(sample[key] for sample in samples) for key in samples[0]} if samples else {}


def machine() -> dict:
    """The kind of machine, not its name."""
    cpu = next((line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
                if line.startswith("model name")), platform.machine())
    memory = next(int(line.split()[1]) for line in Path("/proc/meminfo").read_text().splitlines()
                  if line.startswith("MemTotal"))
    return {"cpu": cpu, "cores": os.cpu_count(), "memory_gib": round(memory / 2**20), "kernel": platform.release()}


def disk_sync_ms(place: Path, times: int = 200) -> float:
    """What one append of 4 KiB that survives a power cut costs here: the floor of everything durable."""
    took = []
    file = os.open(place / "sync", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    try:
        for _ in range(times):
            os.write(file, bytes(4096))
            start = time.perf_counter()
            os.fdatasync(file)
            took.append(time.perf_counter() - start)
    finally:
        os.close(file)
    return statistics.median(took) * 1e3


def summary(samples: dict[str, dict[str, list[dict]]]) -> list[dict]:
    """One row a metric. A ratio above 1 says how many times better we are than the peer."""
    rows = []
    for name, subjects in samples.items():
        ours = medians(subjects["ours"])
        for key, metric in FIGURES[name].metrics.items():
            row = {"figure": name, "metric": key, "title": metric.title, "unit": metric.unit, "target": metric.target,
                   "more_is_better": metric.more_is_better, "ours": ours.get(key), "peers": {}}
            if row["ours"] is not None:
                row["reached"] = (row["ours"] >= metric.target) if metric.more_is_better else row["ours"] <= metric.target
            for peer, runs in subjects.items():
                value = medians(runs).get(key)
                if peer == "ours" or value is None:
                    continue
                row["peers"][peer] = {"value": value}
                if row["ours"] is not None:
                    row["peers"][peer]["ratio"] = row["ours"] / value if metric.more_is_better else value / row["ours"]
            rows.append(row)
    return rows


def number(value: float | None, metric: Metric) -> str:
    return "–" if value is None else f"{value:,.{metric.digits}f} {metric.unit}"


def markdown(rows: list[dict], facts: dict) -> str:
    lines = [
        f"{facts['machine']['cores']} cores of {facts['machine']['cpu']}, {facts['machine']['memory_gib']} GiB; "
        f"a synced write of 4 KiB takes {facts['disk_sync_ms']:.2f} ms; load before {facts['load']:.1f}. "
        f"Medians of {facts['rounds']} rounds, we and the peers in turns.",
        "",
        "| figure | ours | to reach | | peer | | times better |",
        "| --- | ---: | ---: | --- | --- | ---: | ---: |",
    ]
    for row in rows:
        metric = FIGURES[row["figure"]].metrics[row["metric"]]
        sign = "≥" if metric.more_is_better else "≤"
        verdict = {True: "yes", False: "**no**", None: "–"}[row.get("reached")]
        ours = f"| {metric.title} | {number(row['ours'], metric)} | {sign} {metric.target:,} {metric.unit} | {verdict} "
        for peer, found in row["peers"].items() or [("", {})]:
            ratio = f"{found['ratio']:.1f}" if "ratio" in found else ""
            lines.append(ours + f"| {peer} | {number(found['value'], metric) if found else ''} | {ratio} |")
            ours = "| | | | "
    return "\n".join(lines) + "\n"


def write(directory: Path, rows: list[dict], facts: dict, samples: dict) -> str:
    directory.mkdir(exist_ok=True)
    table = markdown(rows, facts)
    (directory / "report.md").write_text(table)
    (directory / "report.json").write_text(json.dumps({**facts, "rows": rows, "samples": samples}, indent=2))
    return table
