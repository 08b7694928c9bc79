"""Names of the files in a pushed version, and of those that components contribute to it.

A version is a SavedModel folder; records and reports of the run are in its `assets.extra`.
"""

MODEL_FILE = "saved_model.pb"  # Written last: a version without it is incomplete.
EXTRA_DIR = "assets.extra"
WEIGHTS_FILE = "conformer.weights.h5"  # In EXTRA_DIR: the network's weights in Keras format.
RECORD_FILE = f"{EXTRA_DIR}/bonafide.json"  # Settings, fingerprint, calibration.
CARD_FILE = f"{EXTRA_DIR}/model_card.md"
FORCED_BLESSING_FILE = "forced_blessing.json"
REPUBLISHED_FILE = "republished.json"
AS_RECORDED = "as_recorded"  # In CONDITIONS_FILE: the recordings without treatment.
CLAIM_FILE = f"{EXTRA_DIR}/claim"  # In an object store: the push that has this number.
# From ModelEvaluator.
EVALUATION_FILE = "evaluation.json"
DEV_FILE = "dev.json"
VERDICT_FILE = "verdict.json"
CONTEXT_FILE = "context.json"
CUE_REMOVAL_FILE = "cue_removal.json"
CONDITIONS_FILE = "conditions.json"
SCORE_PROFILE_FILE = "score_profile.json"
TRAINING_RANGE_FILE = "training_range.json"
# From DataGate, in its output `report`.
REPORT_FILE = "report.json"
PAGE_FILE = "data_report.html"
PROFILE_FILE = "data_profile.json"
# Beside the folder of DataGate's outputs, with the findings of the last refusal.
REFUSED_FOLDER = "refused"
