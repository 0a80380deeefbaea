"""Writes small models with random weights, and what Transformers answers with them, beside this script.

    python3 make.py        (torch 2.13, transformers 4.57, tokenizers)

A folder a model: the files a download has, and `reference.json`: a prompt's token ids, the 32 tokens that follow greedily,
the 32 that follow with a repetition penalty, and what is left of the last logits after the sampling settings, as token ids
and probabilities. `logits.f32` holds the logits of every token of the prompt: little-endian floats, row by row.
"""

import glob
import json
import os
import shutil
import struct
import sysconfig

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import (
    CodeGenConfig, CodeGenForCausalLM, LlamaConfig, LlamaForCausalLM, LogitsProcessorList, PreTrainedTokenizerFast,
    Qwen2Config, Qwen2ForCausalLM, RepetitionPenaltyLogitsProcessor, Starcoder2Config, Starcoder2ForCausalLM,
    TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper)

HERE = os.path.dirname(os.path.abspath(__file__))
VOCABULARY = 320
PROMPT, NEW = 40, 32
SAMPLING = dict(temperature=0.7, top_k=40, top_p=0.9, repetition_penalty=1.2)

CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}")


def save_tokenizer(folder, special, template=None, whitespace=False):
    """Byte-level BPE with a few merges learned from the standard library, in `tokenizer.json`."""
    files = sorted(glob.glob(sysconfig.get_paths()["stdlib"] + "/json/*.py"))
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    added = len(special) + (6 if whitespace else 0)
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY - added, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
    tokenizer.train(files, trainer)
    tokenizer.add_special_tokens(special)
    if whitespace:
        tokenizer.add_tokens([AddedToken(" " * n, normalized=True) for n in (8, 6, 4, 2)])
        tokenizer.add_tokens([AddedToken("\t" * n, normalized=True) for n in (4, 2)])
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=special[0])
    fast.chat_template = template
    fast.save_pretrained(folder)
    leftover = os.path.join(folder, "special_tokens_map.json")
    if os.path.exists(leftover):
        os.remove(leftover)
    # Newer versions put the template into a file of its own; hub files of these families have it here.
    path = os.path.join(folder, "tokenizer_config.json")
    config = json.load(open(path))
    if template:
        config["chat_template"] = template
        jinja = os.path.join(folder, "chat_template.jinja")
        if os.path.exists(jinja):
            os.remove(jinja)
    json.dump(config, open(path, "w"), indent=1)
    return tokenizer.token_to_id(special[0])


def randomize(model, seed, dtype):
    """Weights of a size that tells tokens apart, biases and norms that are not trivial, all exact in `dtype`."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            if name.endswith("bias"):
                parameter.copy_(noise * 0.1)
            elif parameter.dim() == 1:
                parameter.copy_(1 + noise * 0.1)
            else:
                parameter.copy_(noise * (0.4 if "embed" in name or "wte" in name else 0.3))
            parameter.copy_(parameter.to(dtype).float())


class Unsuitable(Exception):
    """Near ties would make a fixture brittle, and one token repeated would show little."""


def continuation(model, prompt, processors):
    """Greedy, without a KV cache and without an end-of-text token."""
    ids = list(prompt)
    for _ in range(NEW):
        scores = processors(torch.tensor([ids]), model(torch.tensor([ids]), use_cache=False).logits[:, -1])[0]
        best = scores.topk(2).values
        if best[0] - best[1] < 2e-3:
            raise Unsuitable
        ids.append(int(scores.argmax()))
    if len(set(ids[len(prompt):])) < 12:
        raise Unsuitable
    return ids[len(prompt):]


def save(folder, model, seed, dtype=torch.float32, **save_arguments):
    while True:
        try:
            return save_with(folder, model, seed, dtype, save_arguments)
        except Unsuitable:
            seed += 100


def save_with(folder, model, seed, dtype, save_arguments):
    randomize(model.float().eval(), seed, dtype)
    generator = torch.Generator().manual_seed(seed + 1)
    prompt = torch.randint(0, 256, (PROMPT,), generator=generator).tolist()
    with torch.inference_mode():
        logits = model(torch.tensor([prompt]), use_cache=False).logits[0]
        reference = dict(prompt=prompt, greedy=continuation(model, prompt, LogitsProcessorList()))
        penalty = RepetitionPenaltyLogitsProcessor(SAMPLING["repetition_penalty"])
        reference["penalized"] = continuation(model, prompt, LogitsProcessorList([penalty]))
        warpers = LogitsProcessorList([
            penalty, TemperatureLogitsWarper(SAMPLING["temperature"]), TopKLogitsWarper(SAMPLING["top_k"]),
            TopPLogitsWarper(SAMPLING["top_p"])])
        probabilities = warpers(torch.tensor([prompt]), logits[-1:].clone())[0].softmax(-1)
        kept = probabilities.nonzero()[:, 0].tolist()
        reference["sampling"] = dict(SAMPLING, tokens=kept, probabilities=probabilities[kept].tolist())
    cached = model.generate(
        torch.tensor([prompt]), max_new_tokens=NEW, do_sample=False, eos_token_id=None, pad_token_id=0)
    assert cached[0, PROMPT:].tolist() == reference["greedy"], "with and without a cache"
    path = os.path.join(HERE, folder)
    with open(os.path.join(path, "logits.f32"), "wb") as file:
        file.write(struct.pack(f"<{logits.numel()}f", *logits.flatten().tolist()))
    json.dump(reference, open(os.path.join(path, "reference.json"), "w"))
    model.to(dtype).save_pretrained(path, **save_arguments)
    print(folder, seed, sum(p.numel() for p in model.parameters()), "parameters")


def fresh(folder):
    path = os.path.join(HERE, folder)
    shutil.rmtree(path, ignore_errors=True)
    os.makedirs(path)
    return path


def codegen():
    end = save_tokenizer(fresh("codegen"), ["<|endoftext|>"], whitespace=True)
    config = CodeGenConfig(
        vocab_size=VOCABULARY, n_positions=128, n_ctx=128, n_embd=64, n_layer=2, n_head=4, rotary_dim=8, bos_token_id=end,
        eos_token_id=end, tie_word_embeddings=False, activation_function="gelu_new", attn_pdrop=0.0, embd_pdrop=0.0,
        resid_pdrop=0.0)
    model = CodeGenForCausalLM(config)
    save("codegen", model, seed=11, dtype=torch.float16)
    # As on the hub: half precision, with the causal masks that older versions kept among the weights.
    shutil.copytree(os.path.join(HERE, "codegen"), fresh("codegen-bin"), dirs_exist_ok=True)
    os.remove(os.path.join(HERE, "codegen-bin", "model.safetensors"))
    mask = torch.tril(torch.ones((128, 128), dtype=torch.uint8)).view(1, 1, 128, 128).bool()
    weights = {}
    for name, weight in model.state_dict().items():
        if name.endswith("attn.qkv_proj.weight"):
            weights[name.replace("qkv_proj.weight", "causal_mask")] = mask.clone()
        weights[name] = weight.clone()
    torch.save(weights, os.path.join(HERE, "codegen-bin", "pytorch_model.bin"))


def starcoder2():
    end = save_tokenizer(fresh("starcoder2"), ["<|endoftext|>"])
    save("starcoder2", Starcoder2ForCausalLM(Starcoder2Config(
        vocab_size=VOCABULARY, hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=128, sliding_window=16, rope_theta=100000.0, residual_dropout=0.0,
        embedding_dropout=0.0, bos_token_id=end, eos_token_id=end)), seed=22, dtype=torch.bfloat16)


def llama():
    end = save_tokenizer(fresh("llama"), ["<|endoftext|>"])
    save("llama", LlamaForCausalLM(LlamaConfig(
        vocab_size=VOCABULARY, hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=128, tie_word_embeddings=False, rope_theta=10000.0,
        rope_scaling=dict(
            rope_type="llama3", factor=4.0, low_freq_factor=1.0, high_freq_factor=4.0,
            original_max_position_embeddings=32),
        bos_token_id=end, eos_token_id=end)), seed=33)


def llama_biased():
    """What DeepSeek-Coder and other relatives change: linear scaling, biases, heads of another width, shards."""
    end = save_tokenizer(fresh("llama-biased"), ["<|endoftext|>"])
    save("llama-biased", LlamaForCausalLM(LlamaConfig(
        vocab_size=VOCABULARY, hidden_size=48, intermediate_size=80, num_hidden_layers=2, num_attention_heads=6,
        num_key_value_heads=3, head_dim=16, max_position_embeddings=128, tie_word_embeddings=False,
        attention_bias=True, mlp_bias=True, rope_scaling=dict(type="linear", factor=2.0), bos_token_id=end,
        eos_token_id=end)), seed=44, dtype=torch.bfloat16, max_shard_size="60KB")


def qwen2():
    end = save_tokenizer(fresh("qwen2"), ["<|im_end|>", "<|im_start|>", "<|endoftext|>"], template=CHATML)
    save("qwen2", Qwen2ForCausalLM(Qwen2Config(
        vocab_size=VOCABULARY, hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=128, tie_word_embeddings=True, rope_theta=1000000.0,
        use_sliding_window=True, sliding_window=16, max_window_layers=1, bos_token_id=end, eos_token_id=end)), seed=55)


if __name__ == "__main__":
    torch.set_num_threads(1)
    for make in (codegen, starcoder2, llama, llama_biased, qwen2):
        make()
