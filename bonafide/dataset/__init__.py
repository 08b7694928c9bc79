"""What UtteranceGen writes beside the examples, as later steps read it."""
