"""Makes the small tokenizers of the tests, and what Hugging Face's libraries answer with them.

    pip install transformers==4.57.6 tokenizers==0.22.2
    python make_tokenizers.py            # writes Tokenizers/ beside this file

Each folder of Tokenizers/ is laid out as the named model's repository is; expected.json holds texts and their tokens.
"""

import json
import os
import pathlib
import shutil

os.environ["HF_HUB_OFFLINE"] = "1"

from tokenizers import (AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors,
                        trainers)
from transformers import AutoTokenizer

FOLDER = pathlib.Path(__file__).parent / "Tokenizers"

CORPUS = [
    "def quicksort(values: list[int]) -> list[int]:\n    if len(values) <= 1:\n        return values\n"
    "    pivot = values[len(values) // 2]\n    return quicksort([v for v in values if v < pivot])\n",
    "import numpy as np\n\nclass Account:\n    def __init__(self, owner, balance=0):\n        self.owner = owner\n"
    "        self.balance = balance\n\n    def deposit(self, amount):\n        self.balance += amount\n",
    "public func encode(_ text: String) -> [Int] {\n    guard !text.isEmpty else { return [] }\n    return tokens\n}\n",
    "fn main() {\n    let mut total = 0u64;\n    for i in 0..100 { total += i; }\n    println!(\"{}\", total);\n}\n",
    "#include <stdio.h>\nint main(int argc, char **argv) {\n\tprintf(\"Hello, world!\\n\");\n\treturn 0;\n}\n",
    "function add(a, b) { return a + b; }\nconst numbers = [1, 2, 3].map(x => x * 2);\n",
    "The quick brown fox jumps over the lazy dog. It's what we've said: they'll see, I'm sure, he'd go, you're it.\n",
    "SELECT name, COUNT(*) FROM users WHERE age > 30 GROUP BY name ORDER BY 2 DESC;\n",
    "Grüße aus München, naïve café, Ελληνικά, Русский язык, 中文字符和日本語のテキスト, 한국어, العربية\n",
    "0 1 2 3 10 42 100 256 1000 2024 3.14159 1e-9 0xff\n",
]

TEXTS = [
    "", " ", "  ", "   ", "\n", "\n\n", "\t", "\r\n", " \n ", "a", " a", "a ", "Hello, world!", "def f(x):\n    return x",
    "def hello_world():\n    print('hi')\n\n\nif __name__ == \"__main__\":\n    hello_world()\n",
    "for i in range(10):\n\tprint(i)\n\t\tif i:\n\t\t\tpass", "x" + " " * 40 + "y", " " * 31, " " * 64 + "z", "\t" * 12,
    "a\t\tb \t c", "line\r\nline\r\n\r\n", "trailing spaces   \nnext  ", "\n\n\n    indented", "  \n  \n", "\u00a0a\u00a0\u00a0b",
    "it's IT'S we'Ve I'M they'LL he'd 'tis 's", "It\u017f '\u017f", "1234567890", "3.14159 1,000,000 0xDEADBEEF 1e10", "abc123def456",
    "\u0661\u0662\u0663 \u00bd \u2167 \u00b2", "snake_case camelCase SCREAMING_CASE kebab-case", "a.b.c->d::e", "!@#$%^&*()_+-=[]{}|;':\",./<>?`~",
    "(((())))[[[]]]{{{}}}", "/* comment */ // another\n# and another", "\u00e9 e\u0301 \u1e69 s\u0323\u0307", "Gr\u00fc\u00dfe aus M\u00fcnchen",
    "\u0418\u0432\u0430\u043d \u041f\u0435\u0442\u0440\u043e\u0432\u0438\u0447", "\u4e2d\u6587\u5b57\u7b26 \u65e5\u672c\u8a9e\u306e\u30c6\u30ad\u30b9\u30c8\u3002\uff01", "\ud55c\uad6d\uc5b4 \ud14d\uc2a4\ud2b8", "\u0645\u0631\u062d\u0628\u0627 \u0628\u0627\u0644\u0639\u0627\u0644\u0645",
    "\U0001f600 \U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466 \U0001f1e9\U0001f1ea \U0001f44d\U0001f3fd", "a\u200bb\u200c\ufeffc", "\u2028\u2029\u0085", "\x00\x01\x02\x7f", "\ufffd", "\ufb01 \u212b \u2126 \uac00 \u1100\u1161",
    "\u2581already\u2581marked \u2581", "<0x0A> <0xFF>", "<|endoftext|>", "before<|endoftext|>after", "<|endoftext|><|endoftext|> \n<|endoftext|>",
    "<|im_start|>user\nhi<|im_end|>\n", "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nhi<|eot_id|>",
    "<s>[INST] hi [/INST] </s>", "<s> a </s> b<unk>c", "<fim_prefix>a<fim_suffix>b<fim_middle>", "### Instruction:\nhi\n<|EOT|>",
    "<\uff5cbegin\u2581of\u2581sentence\uff5c>x<\uff5cend\u2581of\u2581sentence\uff5c>", "<|endoftex|> <|endoftext |>", "word  <mask>  word x<mask>y", "keep solo, solo_x xsolo solo",
    "\u0301a", "e\u0301\u0301\u0301", "\u1100\u1161\u11a8", "\U0001d518\U0001d52b\U0001d526", "a" * 200, "ab" * 100, " a" * 80,
    "The quick brown fox jumps over the lazy dog.  Twice.\n\nThen it rested.\n",
    "https://example.com/path?query=value&other=1#fragment user@example.com", "\u201cquotes\u201d \u2018single\u2019 \u2014 dash \u2026", "\u20ac100 \u00a320 \u00a55 \u20bf",
]

GPT2_SPACES = [" " * n for n in range(31, 1, -1)] + ["\t" * n for n in range(9, 1, -1)]

CHATS = [
    [("user", "Write a function.")],
    [("system", "You are terse."), ("user", "Hi"), ("assistant", "Hello!"), ("user", "  Sort a list:\n[3, 1]  ")],
    [("user", "a"), ("assistant", "b")],
]

QWEN_TEMPLATE = (
    "{%- if messages[0]['role'] == 'system' %}\n    {{- '<|im_start|>system\\n' + messages[0]['content'] + '<|im_end|>\\n' }}\n"
    "{%- else %}\n    {{- '<|im_start|>system\\nYou are Qwen, created by Alibaba Cloud. You are a helpful assistant.<|im_end|>\\n' }}\n"
    "{%- endif %}\n{%- for message in messages %}\n"
    "    {%- if (message.role == \"user\") or (message.role == \"system\" and not loop.first) or (message.role == \"assistant\") %}\n"
    "        {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + '\\n' }}\n    {%- endif %}\n"
    "{%- endfor %}\n{%- if add_generation_prompt %}\n    {{- '<|im_start|>assistant\\n' }}\n{%- endif %}\n")

LLAMA3_TEMPLATE = (
    "{% set loop_messages = messages %}{% for message in loop_messages %}{% set content = '<|start_header_id|>' + message['role'] + "
    "'<|end_header_id|>\n\n'+ message['content'] | trim + '<|eot_id|>' %}{% if loop.index0 == 0 %}{% set content = bos_token + content %}"
    "{% endif %}{{ content }}{% endfor %}{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}")

LLAMA31_TEMPLATE = (
    "{{- bos_token }}\n{%- if not date_string is defined %}\n    {%- set date_string = \"26 Jul 2024\" %}\n{%- endif %}\n"
    "{%- if messages[0]['role'] == 'system' %}\n    {%- set system_message = messages[0]['content']|trim %}\n"
    "    {%- set messages = messages[1:] %}\n{%- else %}\n    {%- set system_message = \"\" %}\n{%- endif %}\n"
    "{{- \"<|start_header_id|>system<|end_header_id|>\\n\\n\" }}\n{{- \"Cutting Knowledge Date: December 2023\\n\" }}\n"
    "{{- \"Today Date: \" + date_string + \"\\n\\n\" }}\n{{- system_message }}\n{{- \"<|eot_id|>\" }}\n{%- for message in messages %}\n"
    "    {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n'+ message['content'] | trim + '<|eot_id|>' }}\n"
    "{%- endfor %}\n{%- if add_generation_prompt %}\n    {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}\n{%- endif %}\n")

DEEPSEEK_TEMPLATE = (
    "{% if not add_generation_prompt is defined %}\n{% set add_generation_prompt = false %}\n{% endif %}\n"
    "{%- set ns = namespace(found=false) -%}\n{%- for message in messages -%}\n    {%- if message['role'] == 'system' -%}\n"
    "        {%- set ns.found = true -%}\n    {%- endif -%}\n{%- endfor -%}\n{{bos_token}}{%- if not ns.found -%}\n"
    "{{'You are an AI programming assistant, utilizing the Deepseek Coder model, developed by Deepseek Company, and you only answer "
    "questions related to computer science. For politically sensitive questions, security and privacy issues, and other non-computer "
    "science questions, you will refuse to answer\\n'}}\n{%- endif %}\n{%- for message in messages %}\n"
    "    {%- if message['role'] == 'system' %}\n{{ message['content'] }}\n    {%- else %}\n        {%- if message['role'] == 'user' %}\n"
    "{{'### Instruction:\\n' + message['content'] + '\\n'}}\n        {%- else %}\n"
    "{{'### Response:\\n' + message['content'] + '\\n<|EOT|>\\n'}}\n        {%- endif %}\n    {%- endif %}\n{%- endfor %}\n"
    "{% if add_generation_prompt %}\n{{'### Response:'}}\n{% endif %}")


def special(text, **flags):
    return AddedToken(text, special=True, normalized=False, **flags)


def byte_level(vocab_size=600):
    return trainers.BpeTrainer(
        vocab_size=vocab_size, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)


def trained(tokenizer, trainer, corpus=CORPUS):
    tokenizer.train_from_iterator(corpus * 4, trainer)
    return tokenizer


def write(name, tokenizer, config, files=("tokenizer.json",)):
    """Writes a folder with a tokenizer and its configuration."""
    folder = FOLDER / name
    folder.mkdir(parents=True)
    if "tokenizer.json" in files:
        tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    if "vocab.json" in files:
        tokenizer.model.save(str(folder))
    for file, content in config.items():
        (folder / file).write_text(json.dumps(content, ensure_ascii=False, separators=(",", ":")) + "\n")
    return folder


def codegen():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    trained(tokenizer, trainers.BpeTrainer(
        vocab_size=600, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), special_tokens=["<|endoftext|>"],
        show_progress=False))
    pair = write("codegen-pair", tokenizer, {
        "added_tokens.json": {text: 600 + index for index, text in enumerate(GPT2_SPACES)},
        "special_tokens_map.json": {
            "bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>", "unk_token": "<|endoftext|>"},
        "tokenizer_config.json": {
            "unk_token": "<|endoftext|>", "bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>",
            "add_prefix_space": False, "tokenizer_class": "CodeGenTokenizer"},
    }, files=["vocab.json"])
    tokenizer.add_tokens([AddedToken(text, normalized=True, special=False) for text in GPT2_SPACES])
    write("codegen", tokenizer, {
        "tokenizer_config.json": {
            "unk_token": "<|endoftext|>", "bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>",
            "add_prefix_space": False, "tokenizer_class": "CodeGenTokenizer"}})


def starcoder2():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=True)
    specials = ["<|endoftext|>", "<fim_prefix>", "<fim_middle>", "<fim_suffix>", "<repo_name>", "<file_sep>"]
    trained(tokenizer, trainers.BpeTrainer(
        vocab_size=600, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), special_tokens=specials,
        show_progress=False))
    write("starcoder2", tokenizer, {"tokenizer_config.json": {
        "add_prefix_space": False, "bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>",
        "unk_token": "<|endoftext|>", "tokenizer_class": "GPT2Tokenizer", "additional_special_tokens": specials}})


def qwen2():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(
            r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"),
            behavior="isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    trained(tokenizer, byte_level())
    specials = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    decoder = {str(600 + index): {
        "content": text, "lstrip": False, "normalized": False, "rstrip": False, "single_word": False, "special": True}
        for index, text in enumerate(specials)}
    decoder["603"] = dict(decoder["600"], content="<tool_call>", special=False)
    config = {"tokenizer_config.json": {
        "add_prefix_space": False, "added_tokens_decoder": decoder, "additional_special_tokens": specials[1:],
        "bos_token": None, "eos_token": "<|im_end|>", "pad_token": "<|endoftext|>", "unk_token": None,
        "tokenizer_class": "Qwen2Tokenizer", "chat_template": QWEN_TEMPLATE},
        "generation_config.json": {"eos_token_id": [602, 600]}}
    write("qwen2-pair", tokenizer, config, files=["vocab.json"])
    tokenizer.add_special_tokens([special(text) for text in specials])
    tokenizer.add_tokens([AddedToken("<tool_call>", normalized=False, special=False)])
    write("qwen2", tokenizer, config)


def llama3(name, template):
    tokenizer = Tokenizer(models.BPE(ignore_merges=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(
            r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"),
            behavior="isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.decoder = decoders.ByteLevel()
    trained(tokenizer, byte_level())
    specials = ["<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]
    tokenizer.add_special_tokens([special(text) for text in specials])
    tokenizer.post_processor = processors.Sequence([
        processors.ByteLevel(trim_offsets=True),
        processors.TemplateProcessing(
            single="<|begin_of_text|> $A", pair="<|begin_of_text|> $A <|begin_of_text|>:1 $B:1",
            special_tokens=[("<|begin_of_text|>", tokenizer.token_to_id("<|begin_of_text|>"))])])
    write(name, tokenizer, {"tokenizer_config.json": {
        "bos_token": "<|begin_of_text|>", "eos_token": "<|eot_id|>", "clean_up_tokenization_spaces": True,
        "tokenizer_class": "PreTrainedTokenizerFast", "chat_template": template}})


def deepseek(name, splits):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(pattern), behavior="isolated") for pattern in splits]
        + [pre_tokenizers.Digits(individual_digits=True),
           pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    trained(tokenizer, byte_level())
    bos, eos = "<\uff5cbegin\u2581of\u2581sentence\uff5c>", "<\uff5cend\u2581of\u2581sentence\uff5c>"
    tokenizer.add_tokens([AddedToken(text, normalized=True, special=False) for text in [bos, eos, "<|EOT|>"]])
    tokenizer.add_tokens([AddedToken("<mask>", normalized=False, lstrip=True, rstrip=True),
                          AddedToken("solo", normalized=True, single_word=True)])
    write(name, tokenizer, {"tokenizer_config.json": {
        "add_bos_token": True, "add_eos_token": False,
        "bos_token": {"__type": "AddedToken", "content": bos, "lstrip": False, "normalized": True, "rstrip": False,
                      "single_word": False},
        "eos_token": {"__type": "AddedToken", "content": "<|EOT|>", "lstrip": False, "normalized": True,
                      "rstrip": False, "single_word": False},
        "legacy": True, "tokenizer_class": "LlamaTokenizerFast", "unk_token": None,
        "chat_template": DEEPSEEK_TEMPLATE}})


def sentencepiece(name, vocab_size, pre_tokenizer, normalizer, decoder, config):
    alphabet = ["<unk>", "<s>", "</s>"] + [f"<0x{byte:02X}>" for byte in range(256)]
    training = Tokenizer(models.BPE())
    training.pre_tokenizer = pre_tokenizers.Metaspace()
    plain = [text for text in CORPUS if text.isascii()]
    trained(training, trainers.BpeTrainer(vocab_size=vocab_size, special_tokens=alphabet, show_progress=False), plain)
    state = json.loads(training.to_str())["model"]
    tokenizer = Tokenizer(models.BPE(
        vocab=state["vocab"], merges=[tuple(merge) for merge in state["merges"]], unk_token="<unk>", fuse_unk=True,
        byte_fallback=True))
    tokenizer.add_special_tokens([special(text) for text in alphabet[:3]])
    tokenizer.normalizer, tokenizer.decoder = normalizer, decoder
    if pre_tokenizer:
        tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    write(name, tokenizer, {"tokenizer_config.json": config})


def main():
    shutil.rmtree(FOLDER, ignore_errors=True)
    codegen()
    starcoder2()
    qwen2()
    llama3("llama3", LLAMA3_TEMPLATE)
    llama3("llama31", LLAMA31_TEMPLATE)
    deepseek("deepseek-coder", [r"[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", "[\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff]+"])
    deepseek("deepseek-llm", [
        r"[\r\n]", "\\s?[A-Za-z\u00b5\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u01ba\u0370-\u0373\u0400-\u0481]+",
        "\\s?[!-/:-~\uff01-\uff0f\uff1a-\uff5e\u2018-\u201f\u3000-\u3002]+", r"\s+$",
        "[\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff]+"])
    space = "\u2581"
    strip = [decoders.Replace(space, " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    sentencepiece(
        "codellama", 500, None, normalizers.Sequence([normalizers.Prepend(space), normalizers.Replace(" ", space)]),
        decoders.Sequence(strip),
        {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "tokenizer_class": "CodeLlamaTokenizer"})
    sentencepiece(
        "metaspace", 500, pre_tokenizers.Metaspace(prepend_scheme="first", split=False), normalizers.Sequence([]),
        decoders.Sequence([decoders.Metaspace(prepend_scheme="first"), decoders.ByteFallback(), decoders.Fuse()]),
        {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "tokenizer_class": "LlamaTokenizerFast"})
    for folder in sorted(FOLDER.iterdir()):
        tokenizer = AutoTokenizer.from_pretrained(folder)
        texts = []
        for text in TEXTS:
            ids = tokenizer.encode(text)
            plain = tokenizer.encode(text, add_special_tokens=False)
            texts.append({
                "text": text, "ids": ids, "plain": plain,
                "decoded": tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False),
                "skipped": tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)})
        chats = []
        if tokenizer.chat_template:
            for chat in CHATS:
                messages = [{"role": role, "content": content} for role, content in chat]
                for prompt in [True, False]:
                    chats.append({
                        "messages": messages, "prompt": prompt,
                        "text": tokenizer.apply_chat_template(
                            messages, tokenize=False, add_generation_prompt=prompt)})
        expected = {
            "bos": tokenizer.bos_token_id, "eos": tokenizer.eos_token_id, "size": len(tokenizer), "texts": texts,
            "chats": chats}
        (folder / "expected.json").write_text(json.dumps(expected, separators=(",", ":")) + "\n")


main()
