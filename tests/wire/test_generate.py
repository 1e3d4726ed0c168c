#!/usr/bin/env python3
"""The generator refuses a schema that is wrong and says where; and writes the same for the same input."""
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
GENERATOR = ROOT / "src/wire/schema/generate.py"
HEAD = "data Thing versions 1-3 flexible 2+\n"

WRONG = {  # what the sentence has to hold: the schema
    "wrong.schema:1: a message begins with": "thing Thing versions 1\n",
    "wrong.schema:1: 'sometimes' is not known": "data Thing versions 1 sometimes\n",
    "wrong.schema:1: a message's versions have an end": "data Thing versions 1+\n",
    "wrong.schema:2: '5-4' is an empty range": HEAD + "    A int32 5-4\n",
    "wrong.schema:2: versions 0+ are outside 1-3": HEAD + "    A int32 0+\n",
    "wrong.schema:2: versions 4+ are outside 1-3": HEAD + "    A int32 4+\n",
    "wrong.schema:2: 'maybe' is not known": HEAD + "    A int32 maybe\n",
    "wrong.schema:2: lines are indented by four spaces": HEAD + "   A int32\n",
    "wrong.schema:3: nothing to nest in here": HEAD + "    A int32\n            B int32\n",
    "wrong.schema:2: null is the default of what is never null": HEAD + "    A string = null\n",
    "wrong.schema:2: tags above 255": HEAD + "    A int32 2+ tag 256\n",
    "Thing.A: no struct 'Other'": HEAD + "    A []Other\n",
    "Thing has a field twice": HEAD + "    A int32\n    A int16\n",
    "Thing has a tag twice": HEAD + "    A int32 2+ tag 0\n    B int32 2+ tag 0\n",
    "Thing.A is tagged in version 1, not flexible": HEAD + "    A int32 tag 0\n",
    "Thing.Inner contains itself": HEAD + "    A []Inner\n    struct Inner\n        B []Inner\n",
    "Thing.Inner is not used": HEAD + "    A int32\n    struct Inner\n        B int32\n",
    "there are no arrays of float64": HEAD + "    A []float64\n",
    "defined twice: ['Thing']": HEAD + "    A int32\n\n" + HEAD + "    A int32\n",
    "requests and responses differ": "request 0 ThingRequest versions 0 listeners broker\n    A int32\n",
}


def generate(out, *files):
    return subprocess.run([sys.executable, GENERATOR, "--output", out, *files], capture_output=True, text=True)


def main():
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for sentence, schema in WRONG.items():
            (folder / "wrong.schema").write_text(schema)
            done = generate(folder / "out", folder / "wrong.schema")
            assert done.returncode == 1, f"accepted: {schema}"
            assert sentence in done.stderr, f"'{sentence}' is not in: {done.stderr}"
        schemas = sorted((ROOT / "src/wire/schema").glob("*.schema"))
        for name, order in (("a", schemas), ("b", schemas[::-1])):
            done = generate(folder / name, *order)
            assert done.returncode == 0, done.stderr
        outputs = [{path.relative_to(folder / name): path.read_text() for path in sorted((folder / name).rglob("*.*"))}
                   for name in ("a", "b")]
        assert outputs[0] == outputs[1], "the order of the files matters"
    print(f"{len(WRONG)} wrong schemas refused")


main()
