#!/usr/bin/python3
<<<<<<< HEAD
"""Checks documents against the schema in docs/ that their "schema" names (result.json, sweep.json, ...). usage: validate_result.py FILE... ; prints TAP."""
=======
"""Checks result documents against docs/result.schema.json, sweep documents against docs/sweep.schema.json. usage: validate_result.py FILE... ; prints TAP."""
>>>>>>> 606e6a1 (sweep: every combination of options, and the best)
import glob
import json
import os
import sys

import jsonschema

DOCS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "docs")
<<<<<<< HEAD


def validators():
    """By the constant that a document names itself with."""
    found = {}
    for path in sorted(glob.glob(os.path.join(DOCS, "*.schema.json"))):
        with open(path, encoding="utf-8") as f:
            schema = json.load(f)
        jsonschema.Draft202012Validator.check_schema(schema)
        found[schema["properties"]["schema"]["const"]] = jsonschema.Draft202012Validator(schema)
    return found
=======
SCHEMAS = {"assay.sweep/1": "sweep.schema.json"}  # all else: a result
>>>>>>> 606e6a1 (sweep: every combination of options, and the best)


def no_duplicates(pairs):
    keys = [k for k, _ in pairs]
    if len(keys) != len(set(keys)):
        raise ValueError("duplicate key in " + str(sorted(keys)))
    return dict(pairs)


def no_constant(name):
    raise ValueError(name + " is no JSON")


<<<<<<< HEAD
def problems(known, path):
=======
def validator_of(name):
    with open(os.path.join(DOCS, name), encoding="utf-8") as f:
        schema = json.load(f)
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def problems(validators, path):
>>>>>>> 606e6a1 (sweep: every combination of options, and the best)
    try:
        with open(path, encoding="utf-8") as f:
            doc = json.load(f, object_pairs_hook=no_duplicates, parse_constant=no_constant)
    except (OSError, ValueError) as e:
        return [str(e)]
<<<<<<< HEAD
    validator = known.get(doc.get("schema") if isinstance(doc, dict) else None)
    if not validator:
        return ["schema: none of " + ", ".join(sorted(known))]
=======
    name = SCHEMAS.get(doc.get("schema") if isinstance(doc, dict) else None, "result.schema.json")
    validator = validators[name]
>>>>>>> 606e6a1 (sweep: every combination of options, and the best)
    found = sorted(validator.iter_errors(doc), key=lambda e: list(map(str, e.absolute_path)))
    return ["/".join(map(str, e.absolute_path)) + ": " + e.message[:300] for e in found]


def main(files):
<<<<<<< HEAD
    known = validators()
    bad = 0
    print("1..%d" % len(files))
    for i, path in enumerate(files, 1):
        found = problems(known, path)
=======
    validators = {name: validator_of(name) for name in ["result.schema.json", *SCHEMAS.values()]}
    bad = 0
    print("1..%d" % len(files))
    for i, path in enumerate(files, 1):
        found = problems(validators, path)
>>>>>>> 606e6a1 (sweep: every combination of options, and the best)
        for p in found[:20]:
            print("# " + p)
        print("%s %d - %s" % ("not ok" if found else "ok", i, path))
        bad += bool(found)
    return 1 if bad else 0


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: validate_result.py FILE...")
    sys.exit(main(sys.argv[1:]))
