"""Makes small models with random weights, and what `transformers` computes
with them: tests of the whole models that need no real weights.

    pip install torch transformers safetensors gguf
    python make.py

encoder.safetensors and decoder.safetensors are as Hugging Face has them, the
decoder in bf16; decoder.gguf is the same decoder with its matrices quantised,
and `gguf.expected` computed from these. expected.json has what comes out.
"""

import json
import pathlib

import gguf
import numpy
import torch
from safetensors.torch import save_file
from transformers import BertConfig, BertModel, LlamaConfig, LlamaForCausalLM

here = pathlib.Path(__file__).parent
torch.manual_seed(1)
expected = {}

config = BertConfig(vocab_size=50, hidden_size=24, num_hidden_layers=2, num_attention_heads=3,
                    intermediate_size=40, max_position_embeddings=16, initializer_range=0.4)
bert = BertModel(config, add_pooling_layer=False).eval()
for name, parameter in bert.named_parameters():
    if "bias" in name:
        torch.nn.init.normal_(parameter, std=0.3)
save_file({name: tensor.contiguous() for name, tensor in bert.state_dict().items()
           if "position_ids" not in name}, here / "encoder.safetensors")
here.joinpath("encoder.json").write_text(json.dumps(config.to_dict()))
expected["encoder"] = []
for tokens in [[1, 2, 3, 4, 5], [49], list(range(10, 26))]:
    with torch.no_grad():
        vector = bert(torch.tensor([tokens])).last_hidden_state[0].mean(0)
    expected["encoder"].append({"tokens": tokens, "vector": (vector / vector.norm()).tolist()})

config = LlamaConfig(vocab_size=50, hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
                     num_key_value_heads=2, intermediate_size=64, max_position_embeddings=32,
                     initializer_range=0.3, rms_norm_eps=1e-5, tie_word_embeddings=False,
                     rope_parameters={"rope_type": "default", "rope_theta": 1000.0})
llama = LlamaForCausalLM(config).eval()
for parameter in llama.parameters():  # not the model: it has frequencies, which stay exact
    parameter.data = parameter.data.to(torch.bfloat16).to(torch.float32)
save_file({name: tensor.to(torch.bfloat16).contiguous() for name, tensor in llama.state_dict().items()},
          here / "decoder.safetensors")
here.joinpath("decoder.json").write_text(json.dumps(config.to_dict()))
tokens = [1, 7, 42, 3, 3, 49, 0, 20, 11, 5]


def logits():
    with torch.no_grad():
        return llama(torch.tensor([tokens])).logits[0].tolist()


expected["decoder"] = {"tokens": tokens, "logits": logits()}

# The same as GGUF. Rows of queries and keys lie there so that the columns that
# are turned together are neighbours.
HEADS = {"q": 4, "k": 2}
writer = gguf.GGUFWriter(here / "decoder.gguf", "llama")
writer.add_context_length(32)
writer.add_embedding_length(32)
writer.add_block_count(2)
writer.add_feed_forward_length(64)
writer.add_head_count(4)
writer.add_head_count_kv(2)
writer.add_layer_norm_rms_eps(1e-5)
writer.add_rope_freq_base(1000.0)
writer.add_rope_dimension_count(8)
writer.add_vocab_size(50)
state = llama.state_dict()


def add(name, source, kind=None, heads=None):
    tensor = state[source].numpy()
    if kind is None:
        writer.add_tensor(name + ".weight", tensor)
        return
    kind = gguf.GGMLQuantizationType[kind]
    stored = gguf.quants.quantize(tensor, kind)
    state[source].copy_(torch.tensor(gguf.quants.dequantize(stored, kind)))
    if heads:
        rows = stored.shape[0] // heads
        stored = stored.reshape(heads, 2, rows // 2, -1).swapaxes(1, 2).reshape(stored.shape[0], -1)
    writer.add_tensor(name + ".weight", numpy.ascontiguousarray(stored), raw_dtype=kind)


add("token_embd", "model.embed_tokens.weight", "Q8_0")
add("output", "lm_head.weight", "Q4_1")
add("output_norm", "model.norm.weight")
for layer in range(2):
    theirs, ours = f"model.layers.{layer}.", f"blk.{layer}."
    add(ours + "attn_norm", theirs + "input_layernorm.weight")
    add(ours + "ffn_norm", theirs + "post_attention_layernorm.weight")
    for part in "qk":
        add(ours + f"attn_{part}", theirs + f"self_attn.{part}_proj.weight", "Q4_1", HEADS[part])
    add(ours + "attn_v", theirs + "self_attn.v_proj.weight", "Q4_0")
    add(ours + "attn_output", theirs + "self_attn.o_proj.weight", "Q4_1")
    add(ours + "ffn_gate", theirs + "mlp.gate_proj.weight", "Q4_1")
    add(ours + "ffn_up", theirs + "mlp.up_proj.weight", "Q8_0")
    add(ours + "ffn_down", theirs + "mlp.down_proj.weight", "F16")
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()
expected["gguf"] = {"tokens": tokens, "logits": logits()}
here.joinpath("expected.json").write_text(json.dumps(
    json.loads(json.dumps(expected), parse_float=lambda text: round(float(text), 6))))
