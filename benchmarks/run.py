"""Run every benchmark, each in a process of its own, and write ``benchmarks/results/table.md``: ``make bench``."""

import json
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from outcome import markdown

HERE = Path(__file__).parent
SCRIPTS = (
    "epoch_time.py",
    "inference_speed.py",
    "scan_speed.py",
    "window_speed.py",
    "scan_job.py",
    "header_update.py",
    "predict_memory.py",
    "radio_quality.py",
    "camera_mapping.py",
    "cherenkov_reading.py",
    "help_time.py",
)


def main() -> int:
    """Run the scripts; return 1 if one of them failed."""
    parts = [f"Measured {datetime.now(UTC):%Y-%m-%d} on {platform.machine()}, Python {platform.python_version()}."]
    failed = False
    for script in SCRIPTS:
        print(f"running {script}", file=sys.stderr)
        done = subprocess.run([sys.executable, HERE / script, "--json"], capture_output=True, text=True, check=False)
        if done.returncode:
            failed = True
            parts.append(f"## {script}\nfailed:\n\n```\n{done.stderr.strip()}\n```")
        else:
            parts.append(f"## `{script}`\n{markdown(json.loads(done.stdout.splitlines()[-1]))}")
    text = "\n\n".join(parts) + "\n"
    target = HERE / "results" / "table.md"
    target.parent.mkdir(exist_ok=True)
    target.write_text(text, encoding="utf-8")
    print(text)
    print(f"written to {target}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
