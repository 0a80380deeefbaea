"""mini-swe-agent with many tasks in threads of one process, as its own batch runner does; prints one JSON object.

    python mini_batch.py MODEL REPOSITORY...
"""

import collections
import concurrent.futures
import json
import resource
import sys
import time

import yaml
from minisweagent.agents.default import DefaultAgent
from minisweagent.config import builtin_config_dir
from minisweagent.environments.local import LocalEnvironment
from minisweagent.models.litellm_model import LitellmModel

model, repositories = sys.argv[1], sys.argv[2:]
config = yaml.safe_load((builtin_config_dir / "mini.yaml").read_text())
for name in ("mode", "output_path"):
    config["agent"].pop(name, None)


def work(number: int) -> str:
    agent = DefaultAgent(
        LitellmModel(model_name=model, cost_tracking="ignore_errors", **config["model"]),
        LocalEnvironment(cwd=repositories[number], **config["environment"]), **config["agent"])
    return agent.run(f"Write a note. task-id:{number}").get("exit_status")


start = time.perf_counter()
with concurrent.futures.ThreadPoolExecutor(len(repositories)) as pool:
    endings = collections.Counter(pool.map(work, range(len(repositories))))
print(json.dumps({
    "seconds": time.perf_counter() - start, "endings": endings,
    "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
