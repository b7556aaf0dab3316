"""Run all that draws by chance with a new seed, and more of it: `make fuzz`; `ARGS="--seed N"` draws the same again."""

import argparse
import os
import secrets
import subprocess
import sys

TIMES = 10
ROUNDS = 12


def main() -> int:
    """Say the seed, run the tests, and say the seed again if one of them failed."""
    parser = argparse.ArgumentParser("make fuzz", description=__doc__, allow_abbrev=False)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**32), help="what to draw from")
    parser.add_argument(
        "--times", type=int, default=TIMES, help="how many times as many examples as in `make test`"
    )
    options, rest = parser.parse_known_args()
    again = f'make fuzz ARGS="--seed {options.seed} --times {options.times}"'
    print(f"fuzz: seed {options.seed}; the same again: {again}", flush=True)
    variables = {
        "PYTHONHASHSEED": str(options.seed % 2**32),
        "STEELYARD_FUZZ_SEED": str(options.seed),
        "STEELYARD_EXAMPLES": str(options.times),
        "STEELYARD_FAULT_ROUNDS": os.environ.get("STEELYARD_FAULT_ROUNDS", str(ROUNDS)),
    }
    command = [
        *(sys.executable, "-m", "pytest", "-m", "hypothesis or fuzz", "--ignore=tests/bench"),
        *("--timeout=3600", f"--hypothesis-seed={options.seed}", *rest),
    ]
    status = subprocess.run(command, env=os.environ | variables, check=False).returncode
    if status:
        print(f"fuzz: seed {options.seed} failed; the same again: {again}", flush=True)
    return status


if __name__ == "__main__":
    sys.exit(main())
