"""Files that UtteranceGen writes beside the examples, and their readers."""
