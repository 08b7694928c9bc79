"""Names of the files in a pushed version, and of those that components hand on to it.

A version is a SavedModel folder; what was found out before it was pushed is in its `assets.extra`.
"""

MODEL_FILE = "saved_model.pb"  # Written last: a version without it does not count.
EXTRA_DIR = "assets.extra"
WEIGHTS_FILE = "conformer.weights.h5"  # In EXTRA_DIR: of the network, as Keras saves them.
RECORD_FILE = f"{EXTRA_DIR}/bonafide.json"  # Settings, fingerprint, calibration: the exporter's.
CARD_FILE = f"{EXTRA_DIR}/model_card.md"
FORCED_BLESSING_FILE = "forced_blessing.json"
REPUBLISHED_FILE = "republished.json"
CLAIM_FILE = f"{EXTRA_DIR}/claim"  # In an object store: which push took this number.
# Of ModelEvaluator.
EVALUATION_FILE = "evaluation.json"
DEV_FILE = "dev.json"
VERDICT_FILE = "verdict.json"
CONTEXT_FILE = "context.json"
CUE_REMOVAL_FILE = "cue_removal.json"
CONDITIONS_FILE = "conditions.json"
SCORE_PROFILE_FILE = "score_profile.json"
TRAINING_RANGE_FILE = "training_range.json"
# Of DataGate, in its output `report`.
REPORT_FILE = "report.json"
PAGE_FILE = "data_report.html"
PROFILE_FILE = "data_profile.json"
# Beside the folder of DataGate's outputs: the findings of the last refusal.
REFUSED_FOLDER = "refused"
