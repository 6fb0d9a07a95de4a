#!/usr/bin/python3
"""Checks result documents against docs/result.schema.json. usage: validate_result.py FILE... ; prints TAP."""
import json
import os
import sys

import jsonschema

SCHEMA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "docs", "result.schema.json")


def no_duplicates(pairs):
    keys = [k for k, _ in pairs]
    if len(keys) != len(set(keys)):
        raise ValueError("duplicate key in " + str(sorted(keys)))
    return dict(pairs)


def no_constant(name):
    raise ValueError(name + " is no JSON")


def problems(validator, path):
    try:
        with open(path, encoding="utf-8") as f:
            doc = json.load(f, object_pairs_hook=no_duplicates, parse_constant=no_constant)
    except (OSError, ValueError) as e:
        return [str(e)]
    found = sorted(validator.iter_errors(doc), key=lambda e: list(map(str, e.absolute_path)))
    return ["/".join(map(str, e.absolute_path)) + ": " + e.message[:300] for e in found]


def main(files):
    with open(SCHEMA, encoding="utf-8") as f:
        schema = json.load(f)
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    bad = 0
    print("1..%d" % len(files))
    for i, path in enumerate(files, 1):
        found = problems(validator, path)
        for p in found[:20]:
            print("# " + p)
        print("%s %d - %s" % ("not ok" if found else "ok", i, path))
        bad += bool(found)
    return 1 if bad else 0


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: validate_result.py FILE...")
    sys.exit(main(sys.argv[1:]))
