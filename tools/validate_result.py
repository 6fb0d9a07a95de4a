#!/usr/bin/python3
"""Checks documents against the schema in docs/ that their "schema" names (result.json, sweep.json, ...). usage: validate_result.py FILE... ; prints TAP."""
import glob
import json
import os
import sys

import jsonschema

DOCS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "docs")


def validators():
    """By the constant that a document names itself with."""
    found = {}
    for path in sorted(glob.glob(os.path.join(DOCS, "*.schema.json"))):
        with open(path, encoding="utf-8") as f:
            schema = json.load(f)
        jsonschema.Draft202012Validator.check_schema(schema)
        found[schema["properties"]["schema"]["const"]] = jsonschema.Draft202012Validator(schema)
    return found


def no_duplicates(pairs):
    keys = [k for k, _ in pairs]
    if len(keys) != len(set(keys)):
        raise ValueError("duplicate key in " + str(sorted(keys)))
    return dict(pairs)


def no_constant(name):
    raise ValueError(name + " is no JSON")


def problems(known, path):
    try:
        with open(path, encoding="utf-8") as f:
            doc = json.load(f, object_pairs_hook=no_duplicates, parse_constant=no_constant)
    except (OSError, ValueError) as e:
        return [str(e)]
    validator = known.get(doc.get("schema") if isinstance(doc, dict) else None)
    if not validator:
        return ["schema: none of " + ", ".join(sorted(known))]
    found = sorted(validator.iter_errors(doc), key=lambda e: list(map(str, e.absolute_path)))
    return ["/".join(map(str, e.absolute_path)) + ": " + e.message[:300] for e in found]


def main(files):
    known = validators()
    bad = 0
    print("1..%d" % len(files))
    for i, path in enumerate(files, 1):
        found = problems(known, path)
        for p in found[:20]:
            print("# " + p)
        print("%s %d - %s" % ("not ok" if found else "ok", i, path))
        bad += bool(found)
    return 1 if bad else 0


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: validate_result.py FILE...")
    sys.exit(main(sys.argv[1:]))
