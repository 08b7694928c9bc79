"""UtteranceGen: a speech corpus becomes checked, stratified shards of tf.Examples."""
