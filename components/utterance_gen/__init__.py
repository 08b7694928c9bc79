"""UtteranceGen: turns a speech corpus into checked, stratified shards of tf.Examples."""
