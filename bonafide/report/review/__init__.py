"""TFMA's results and pushed versions as charts and tables that need no network.

TFMA's own widgets need a classic notebook and a network. These views are drawn from
`tfma.load_eval_result`: in a notebook (`notebooks/review.ipynb`), in its HTML export, and as a page
(`bonafide report RUN --html FILE`).
"""
