"""One measurement of a peer in a process of its own: peer.py SUBJECT DIRECTORY PROMPT NEW THREADS SAMPLING RUNS.

Prints one JSON object, of the same keys as `swe-agent model bench`.
"""

import json
import os
import resource
import statistics
import sys
import time
import warnings

subject, root, *numbers, sampling, runs = sys.argv[1:]
prompt_tokens, new_tokens, threads = map(int, numbers)
os.environ["OMP_NUM_THREADS"] = str(threads)
os.environ["HF_HUB_OFFLINE"] = "1"
GUIDE = sampling == "guide"
IDS = [1000 + (index * 7919 + 13) % 49000 for index in range(prompt_tokens)]


def load_transformers(kind: str):
    import torch
    from transformers import AutoModelForCausalLM
    from transformers.generation.streamers import BaseStreamer

    warnings.filterwarnings("ignore")
    torch.set_num_threads(threads)
    model = AutoModelForCausalLM.from_pretrained(f"{root}/model", dtype=torch.float32).eval()
    if kind == "int8":
        model = torch.ao.quantization.quantize_dynamic(model, {torch.nn.Linear}, dtype=torch.qint8)

    class Clock(BaseStreamer):
        def __init__(self):
            self.times = []

        def put(self, value):
            self.times.append(time.perf_counter())

        def end(self):
            pass

    def generate(count: int) -> list[float]:
        clock = Clock()
        how = dict(do_sample=True, temperature=0.1, top_p=0.9, top_k=0, repetition_penalty=1.2) if GUIDE else dict(
            do_sample=False)
        ids = torch.tensor([IDS])
        with torch.inference_mode():
            model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=count, min_new_tokens=count,
                           pad_token_id=0, streamer=clock, **how)
        # The first is the prompt.
        return clock.times[1:]

    return generate


def load_llama(kind: str):
    import llama_cpp

    model = llama_cpp.Llama(f"{root}/{kind}.gguf", n_ctx=2048, n_batch=512, n_threads=threads, n_threads_batch=threads,
                            verbose=False)
    how = dict(temp=0.1, top_p=0.9, top_k=0, min_p=0.0, repeat_penalty=1.2) if GUIDE else dict(
        temp=0.0, repeat_penalty=1.0)

    def generate(count: int) -> list[float]:
        model.reset()
        times = []
        for _ in model.generate(IDS, **how):
            times.append(time.perf_counter())
            if len(times) == count:
                return times

    return generate


def load_ctranslate2(kind: str):
    import ctranslate2

    model = ctranslate2.Generator(f"{root}/ct2-{kind}", device="cpu", compute_type=kind, intra_threads=threads)
    with open(f"{root}/ct2-{kind}/vocabulary.json") as file:
        words = json.load(file)
    how = dict(sampling_topk=0, sampling_topp=0.9, sampling_temperature=0.1, repetition_penalty=1.2) if GUIDE else dict(
        sampling_topk=1)

    def generate(count: int) -> list[float]:
        times = []
        model.generate_batch([[words[index] for index in IDS]], max_length=count, min_length=count,
                             include_prompt_in_result=False, callback=lambda _: times.append(time.perf_counter()), **how)
        return times

    return generate


family, _, kind = subject.partition("-")
start = time.perf_counter()
generate = {"transformers": load_transformers, "llama.cpp": load_llama, "ctranslate2": load_ctranslate2}[family](kind)
loaded = time.perf_counter() - start
generate(min(16, new_tokens))
samples = []
for _ in range(int(runs)):
    start = time.perf_counter()
    times = generate(new_tokens)
    samples.append((times[0] - start, times[-1] - times[0], times[-1] - start))
prefill, decode, total = (statistics.median(column) for column in zip(*samples))
print(json.dumps({
    "load_s": loaded, "prefill_tps": prompt_tokens / prefill, "decode_tps": (new_tokens - 1) / decode, "total_s": total,
    "peak_rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
}))
