"""Makes the model of `bonafide demo`: trains the preset `sample`, and keeps what scoring needs.

    python -m scripts.make_demo_model                       (make demo-model)
    python -m scripts.make_demo_model --version output/sample/serving/sample/1796043758

Writes bonafide/scoring/demo/model/ and its hash, bonafide/scoring/demo/model.sha256. Commit both.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

from bonafide.command_line import CommandParser
from bonafide.registry.names import CARD_FILE, RECORD_FILE
from bonafide.scoring.demo.package import HASH_FILE, KEPT, MAX_BYTES, MODEL
from bonafide.scoring.model import ModelError, find_model, sha256
from bonafide.version import REPOSITORY

OUTPUT = REPOSITORY / "output" / "demo-model"


def main() -> int:
    """Runs the script and returns its exit code."""
    parser = CommandParser(description=__doc__)
    parser.add_argument(
        "--version",
        metavar="DIR",
        help="take this version of the preset `sample`, or the newest of this serving folder, "
        "in place of training one",
    )
    options = parser.parse_args()
    if options.version is None:
        command = [sys.executable, "local_runner.py", "--preset", "sample", "--output", str(OUTPUT)]
        if code := subprocess.run(command, cwd=REPOSITORY, check=False).returncode:
            print("error: no model was pushed, so the demonstration model stays", file=sys.stderr)
            return code
    try:
        version = find_model(options.version or str(OUTPUT / "serving" / "sample"))
        size = keep(version, MODEL)
    except (ModelError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    HASH_FILE.write_text(f"{sha256(MODEL)}  model\n", encoding="utf-8")
    print(f"{MODEL}: {size / 1e6:.1f} MB, from {version.name}; {HASH_FILE.read_text()[:12]}")
    return 0


def keep(version: Path, target: Path) -> int:
    """Copies the files of a version that scoring needs, and returns their size in bytes.

    Raises:
        ModelError: They are larger than a package should carry, or a file is missing.
    """
    for name in KEPT:
        if not (version / name).exists():
            raise ModelError(f"expected {name} in {version}, got none. Push the model again.")
    shutil.rmtree(target, ignore_errors=True)
    for name in KEPT:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        if (version / name).is_dir():
            shutil.copytree(version / name, target / name)
        else:
            shutil.copyfile(version / name, target / name)
    # Figures of every epoch, and paths of the machine that made it, are not needed to score.
    record = target / RECORD_FILE
    facts = json.loads(record.read_text(encoding="utf-8"))
    facts.pop("history", None)
    record.write_text(json.dumps(facts, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    card = target / CARD_FILE
    text = card.read_text(encoding="utf-8").replace(f"{REPOSITORY}/", "")
    card.write_text(text, encoding="utf-8")
    size = sum(path.stat().st_size for path in target.rglob("*") if path.is_file())
    if size > MAX_BYTES:
        raise ModelError(f"expected at most {MAX_BYTES:,} bytes, got {size:,} ({target})")
    return size


if __name__ == "__main__":
    sys.exit(main())
