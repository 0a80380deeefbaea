"""The figures: what is measured, for us and for a peer, and what is to be reached."""

import statistics
from collections.abc import Callable
from dataclasses import dataclass

from bench import load
from bench.processes import measure, peak_mib
from bench.service import do_tasks, our_service
from bench.workshop import HERE, Workshop, last_line

STEPS = 50
TASKS = 50
DURABLE_STEPS = 1000


@dataclass
class Metric:
    """One number of a figure."""

    title: str
    unit: str
    """To be at most this, or at least where more is better."""
    target: float
    more_is_better: bool = False
    digits: int = 2


@dataclass
class Figure:
    """Numbers that are measured together; a measurement maps the metrics' keys to values."""

    metrics: dict[str, Metric]
    ours: Callable[[Workshop], dict[str, float]]
    peers: dict[str, Callable[[Workshop], dict[str, float]]]


def check(condition: bool, message: str) -> None:
    if not condition:
        raise RuntimeError(message)


# Harness per step


def our_step(shop: Workshop) -> dict:
    repository = shop.repository("source")
    with our_service(shop, STEPS, SWE_AGENT_MAX_RUNNING=1) as (_, port, _):
        shop.forget_gaps()
        do_tasks(shop, 1, port, repository)
        return {"step": statistics.median(shop.gaps())}


def mini_step(shop: Workshop) -> dict:
    shop.forget_gaps()
    mini_run(shop, STEPS)
    return {"step": statistics.median(shop.gaps())}


# Fixed cost of one task on the command line


def our_run(shop: Workshop) -> dict:
    repository = shop.repository("source")
    command = [
        shop.swe_agent(), "run", "--repo", repository, "--goal", "Write a note. task-id:run", "--test-command", "true",
        "--output", shop.root, "--json",
    ]
    run = measure(command, shop.our_environment(2), shop.root, shop.log)
    check(run.code == 0, f"swe-agent run ended with code {run.code}: {run.output[-500:]}")
    return {"wall": run.seconds, "memory": run.peak_mib}


def mini_run(shop: Workshop, commands: int = 5) -> dict:
    repository = shop.repository("mini-source")
    command = [
        shop.peer("mini", "mini"), "-m", f"openai/mock-{commands}", "-y", "--exit-immediately",
        "-t", "Write a note. task-id:mini", "-c", "mini.yaml", "-o", shop.root / "mini.traj.json",
    ]
    run = measure(command, shop.mini_environment(), repository, shop.log)
    check(run.code == 0, f"mini ended with code {run.code}: {run.output[-500:]}")
    return {"wall": run.seconds, "memory": run.peak_mib}


# Many tasks in one process


def our_batch(shop: Workshop) -> dict:
    repository = shop.repository("source")
    with our_service(shop, STEPS, SWE_AGENT_MAX_RUNNING=TASKS) as (process, port, _):
        seconds = do_tasks(shop, TASKS, port, repository)
        return {"wall": seconds, "memory": peak_mib(process)}


def mini_batch(shop: Workshop) -> dict:
    repositories = [shop.repository(f"mini-{number}") for number in range(TASKS)]
    command = [shop.peer("mini"), HERE / "peers/mini_batch.py", f"openai/mock-{STEPS}", *repositories]
    run = measure(command, shop.mini_environment(), shop.root, shop.log)
    check(run.code == 0, f"mini_batch.py ended with code {run.code}")
    report = last_line(run.output)
    check(report["endings"] == {"Submitted": TASKS}, f"mini's tasks ended with {report['endings']}")
    return {"wall": report["seconds"], "memory": report["peak_mib"]}


# Durable steps


def our_durable_step(shop: Workshop) -> dict:
    command = [shop.durable_step(), shop.directory("durable"), DURABLE_STEPS]
    run = measure(command, shop.our_environment(0), shop.root, shop.log)
    check(run.code == 0, f"DurableStep ended with code {run.code}")
    report = last_line(run.output)
    return {"step": report["step_ms"], "effect": report["effect_ms"]}


def langgraph_step(shop: Workshop) -> dict:
    database = shop.directory("langgraph") / "checkpoints.sqlite"
    command = [shop.peer("langgraph"), HERE / "peers/langgraph_steps.py", database, DURABLE_STEPS // 10]
    run = measure(command, shop.our_environment(0), shop.root, shop.log)
    check(run.code == 0, f"langgraph_steps.py ended with code {run.code}")
    return {"step": last_line(run.output)["step_ms"]}


# The HTTP service


def our_http(shop: Workshop) -> dict:
    with our_service(shop, SWE_AGENT_MAX_RUNNING=0, SWE_AGENT_MAX_QUEUED=1_000_000) as (_, port, _):
        return load.measure(shop, port)


def fastapi_http(mode: str) -> Callable[[Workshop], dict]:
    def measured(shop: Workshop) -> dict:
        with load.fastapi(shop, mode) as (_, port, _):
            return load.measure(shop, port)

    return measured


def our_start(shop: Workshop) -> dict:
    with our_service(shop) as (process, _, seconds):
        return {"first": seconds * 1e3, "memory": peak_mib(process)}


def fastapi_start(shop: Workshop) -> dict:
    with load.fastapi(shop, "sync") as (process, _, seconds):
        return {"first": seconds * 1e3, "memory": peak_mib(process)}


FIGURES = {
    "step": Figure(
        {"step": Metric("harness per step, reply to next request, `true`, journal synced", "ms", 2)},
        our_step, {"mini-swe-agent": mini_step}),
    "run": Figure(
        {"wall": Metric("one task on the command line, few steps", "s", 0.15, digits=3),
         "memory": Metric("its peak memory", "MiB", 60, digits=0)},
        our_run, {"mini-swe-agent": mini_run}),
    "batch": Figure(
        {"wall": Metric(f"{TASKS} tasks × {STEPS} steps in one process", "s", 5),
         "memory": Metric("its peak memory", "MiB", 150, digits=0)},
        our_batch, {"mini-swe-agent": mini_batch}),
    "durable": Figure(
        {"step": Metric("durable step of a graph", "ms", 0.4, digits=3),
         "effect": Metric("effect done once, its start and all before synced", "ms", 0.4, digits=3)},
        our_durable_step, {"LangGraph": langgraph_step}),
    "http": Figure(
        {"post": Metric("durable POST, 64 connections", "/s", 10_000, more_is_better=True, digits=0),
         "post_p99": Metric("its 99th percentile", "ms", 30),
         "get": Metric("GET, 64 connections", "/s", 25_000, more_is_better=True, digits=0),
         "get_p99": Metric("its 99th percentile", "ms", 30)},
        our_http, {"FastAPI": fastapi_http("sync"), "FastAPI, async": fastapi_http("async")}),
    "start": Figure(
        {"first": Metric("from exec to the first answer", "ms", 100, digits=0),
         "memory": Metric("peak memory then", "MiB", 60, digits=0)},
        our_start, {"FastAPI": fastapi_start}),
}
