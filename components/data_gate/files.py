"""Names of what DataGate leaves in its output `report`, and reads beside a pushed model."""

REPORT_FILE = "report.json"
PAGE_FILE = "data_report.html"
# Goes with the model that is trained on this, into `assets.extra`.
PROFILE_FILE = "data_profile.json"
# Beside the folder of the outputs: what the last refusal found.
REFUSED_FOLDER = "refused"
# How the scores on eval are distributed; ModelEvaluator writes it, and it goes with the model.
SCORE_PROFILE_FILE = "score_profile.json"
