"""A small model and four recordings that come with the library, to try it before training."""
