"""Makes spoofed speech from bona fide recordings, to train a detector for a channel of one's own.

`bonafide synthesize` turns a folder of real recordings into a corpus with a manifest:

- `engine`: what an engine is; `engines/`: the engines; `catalogue`: which of them are usable here;
- `originals`: the bona fide recordings; `planning`: which engine makes a copy of which recording;
- `channel`: the chain that real and synthetic recordings both go through;
- `making`: makes the files of one recording; `corpus`: makes all of them, and the manifest.

Without TFX and TensorFlow. docs/synthesize.md is the guide.
"""
