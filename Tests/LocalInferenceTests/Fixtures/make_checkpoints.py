"""Makes the small checkpoints of the tests with the libraries that write real ones.

    pip install torch==2.13.0 safetensors==0.8.0 numpy
    python make_checkpoints.py           # writes Checkpoints/ beside this file

expected.json holds the numbers of each tensor, row by row, as they are in float32.
"""

import collections
import json
import pathlib
import shutil

import torch
from safetensors.torch import save_file

FOLDER = pathlib.Path(__file__).parent / "Checkpoints"


def folder(name):
    (FOLDER / name).mkdir(parents=True)
    return FOLDER / name


def main():
    shutil.rmtree(FOLDER, ignore_errors=True)
    torch.manual_seed(1)
    base = torch.randn(3, 5)
    plain = {
        "single": base, "half": torch.randn(4, 6).half(), "brain": torch.randn(7).bfloat16(),
        "mask": torch.tril(torch.ones(4, 4, dtype=torch.bool)), "ids": torch.arange(3), "scalar": torch.tensor(3.5),
        "empty": torch.zeros(0, 4)}
    save_file(plain, folder("safetensors") / "model.safetensors", metadata={"format": "pt"})

    views = dict(plain)
    views["tied"] = base
    views["rows"] = base[1:]
    views["columns"] = base[:, 1:3]
    views["transposed"] = plain["half"].t()
    views["parameter"] = torch.nn.Parameter(torch.randn(2, 2))
    ordered = collections.OrderedDict(views)
    ordered._metadata = {"": {"version": 1}}
    torch.save(ordered, folder("pytorch") / "pytorch_model.bin")
    torch.save(views, folder("pytorch-old") / "pytorch_model.bin", _use_new_zipfile_serialization=False)

    sharded = folder("safetensors-sharded")
    shards = {"model-00001-of-00002.safetensors": {"a": base}, "model-00002-of-00002.safetensors": {"b": plain["half"]}}
    for name, tensors in shards.items():
        save_file(tensors, sharded / name)
    (sharded / "model.safetensors.index.json").write_text(json.dumps({
        "metadata": {"total_size": 108},
        "weight_map": {tensor: name for name, tensors in shards.items() for tensor in tensors}}))
    sharded = folder("pytorch-sharded")
    for name, tensors in shards.items():
        torch.save(tensors, sharded / name.replace("model-", "pytorch_model-").replace(".safetensors", ".bin"))
    (sharded / "pytorch_model.bin.index.json").write_text(json.dumps({"weight_map": {
        tensor: name.replace("model-", "pytorch_model-").replace(".safetensors", ".bin")
        for name, tensors in shards.items() for tensor in tensors}}))

    def numbers(tensors):
        return {name: {"shape": list(tensor.shape), "values": tensor.detach().float().flatten().tolist()}
                for name, tensor in tensors.items()}

    both = {"a": base, "b": plain["half"]}
    (FOLDER / "expected.json").write_text(json.dumps({
        "safetensors": numbers(plain), "pytorch": numbers(views), "safetensors-sharded": numbers(both),
        "pytorch-sharded": numbers(both)}) + "\n")


main()
