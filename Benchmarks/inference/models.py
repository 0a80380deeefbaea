"""Makes what the subjects run: models.py DIRECTORY. Weights are random, of the shape of Salesforce/codegen-350M-mono.

DIRECTORY/model     as the hub has it: safetensors, float16
DIRECTORY/*.gguf    for llama.cpp, as phi2: parallel attention and MLP behind one LayerNorm, and a head with a bias
DIRECTORY/ct2-int8  for CTranslate2
"""

import subprocess
import sys
import sysconfig
from pathlib import Path

import gguf
import llama_cpp
import numpy
import tokenizers
import torch
from transformers import CodeGenConfig, CodeGenForCausalLM, PreTrainedTokenizerFast

VOCABULARY = 51200
END = "<|endoftext|>"
# The blocks that CodeGen's fused projection is cut into, each of them [query | value | key].
BLOCKS = 4


def make_tokenizer(place: Path) -> None:
    """A small byte-level BPE; ids beyond it are never spelled out here."""
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE())
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    texts = sorted(str(path) for path in Path(sysconfig.get_paths()["stdlib"]).glob("*.py"))[:40]
    tokenizer.train(texts, tokenizers.trainers.BpeTrainer(
        vocab_size=2000, special_tokens=[END], show_progress=False,
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet()))
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token=END, eos_token=END, unk_token=END).save_pretrained(place)


def make_model(place: Path) -> CodeGenForCausalLM:
    torch.manual_seed(1)
    config = CodeGenConfig(
        vocab_size=VOCABULARY, n_positions=2048, n_ctx=2048, n_embd=1024, n_layer=20, n_head=16, rotary_dim=32,
        activation_function="gelu_new", bos_token_id=0, eos_token_id=0, tie_word_embeddings=False)
    model = CodeGenForCausalLM(config).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("bias"):
                parameter.normal_(std=0.02)
    model = model.half()
    model.save_pretrained(place)
    make_tokenizer(place)
    return model


def write_gguf(model: CodeGenForCausalLM, place: Path, target: Path) -> None:
    config = model.config
    width, heads, rotary = config.n_embd, config.n_head, config.rotary_dim
    head = width // heads
    # CodeGen turns neighbours, phi2 elements half of the rotary dimensions apart: even ones first, then odd ones.
    order = [*range(0, rotary, 2), *range(1, rotary, 2), *range(rotary, head)]
    order = numpy.concatenate([numpy.array(order) + start for start in range(0, width, head)])
    weights = {name: tensor.float().numpy() for name, tensor in model.state_dict().items()}

    writer = gguf.GGUFWriter(str(target), "phi2")
    writer.add_context_length(config.n_positions)
    writer.add_embedding_length(width)
    writer.add_feed_forward_length(4 * width)
    writer.add_block_count(config.n_layer)
    writer.add_head_count(heads)
    writer.add_head_count_kv(heads)
    writer.add_layer_norm_eps(config.layer_norm_epsilon)
    writer.add_rope_dimension_count(rotary)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    vocabulary = tokenizers.Tokenizer.from_file(str(place / "tokenizer.json"))
    spelled = {index: token for token, index in vocabulary.get_vocab().items()}
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list([spelled.get(index, f"[{index}]") for index in range(VOCABULARY)])
    writer.add_token_types([1 if index in spelled else 5 for index in range(VOCABULARY)])
    writer.add_token_merges(["Ġ Ġ"])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(0)

    def add_matrix(name: str, values: numpy.ndarray) -> None:
        writer.add_tensor(name, numpy.ascontiguousarray(values.astype(numpy.float16)))

    def add_vector(name: str, values: numpy.ndarray) -> None:
        writer.add_tensor(name, numpy.ascontiguousarray(values.astype(numpy.float32)))

    add_matrix("token_embd.weight", weights["transformer.wte.weight"])
    add_vector("output_norm.weight", weights["transformer.ln_f.weight"])
    add_vector("output_norm.bias", weights["transformer.ln_f.bias"])
    add_matrix("output.weight", weights["lm_head.weight"])
    add_vector("output.bias", weights["lm_head.bias"])
    for layer in range(config.n_layer):
        ours, theirs = f"transformer.h.{layer}.", f"blk.{layer}."
        fused = weights[ours + "attn.qkv_proj.weight"].reshape(BLOCKS, 3, width // BLOCKS, width)
        query, value, key = (fused[:, part].reshape(width, width) for part in range(3))
        add_matrix(theirs + "attn_qkv.weight", numpy.concatenate([query[order], key[order], value]))
        add_vector(theirs + "attn_qkv.bias", numpy.zeros(3 * width))
        add_matrix(theirs + "attn_output.weight", weights[ours + "attn.out_proj.weight"])
        add_vector(theirs + "attn_output.bias", numpy.zeros(width))
        for suffix in ("weight", "bias"):
            add_vector(f"{theirs}attn_norm.{suffix}", weights[f"{ours}ln_1.{suffix}"])
        for name, source in (("ffn_up", "mlp.fc_in"), ("ffn_down", "mlp.fc_out")):
            add_matrix(f"{theirs}{name}.weight", weights[f"{ours}{source}.weight"])
            add_vector(f"{theirs}{name}.bias", weights[f"{ours}{source}.bias"])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main() -> None:
    root = Path(sys.argv[1])
    place = root / "model"
    write_gguf(make_model(place), place, root / "F16.gguf")
    for name, kind in (("BF16", llama_cpp.LLAMA_FTYPE_MOSTLY_BF16), ("Q8_0", llama_cpp.LLAMA_FTYPE_MOSTLY_Q8_0),
                       ("Q4_0", llama_cpp.LLAMA_FTYPE_MOSTLY_Q4_0)):
        settings = llama_cpp.llama_model_quantize_default_params()
        settings.ftype = kind
        if llama_cpp.llama_model_quantize(f"{root}/F16.gguf".encode(), f"{root}/{name}.gguf".encode(), settings) != 0:
            raise SystemExit(f"cannot write {name}.gguf")
    subprocess.run(
        [Path(sys.executable).parent / "ct2-transformers-converter", "--model", place, "--output_dir", root / "ct2-int8",
         "--quantization", "int8", "--force"], check=True)


main()
