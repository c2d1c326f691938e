#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# What --introspect-cli prints is JSON, and has each option of --help, with its letter, its value and its text.
#
# usage: introspect.py NSPAWN
import json
import re
import subprocess
import sys

n = 0
failed = False


def check(what, *complaints):
    global n, failed
    n += 1
    for complaint in complaints:
        print("#", complaint)
    print("not ok" if complaints else "ok", n, "-", what)
    failed |= bool(complaints)


def run(option):
    return subprocess.run([sys.argv[1], option], capture_output=True, text=True, check=True).stdout


# "  -D --directory=PATH   Root directory …", which may go on in lines that begin with 30 spaces; in a section
def options_of_help(text):
    section = name = None
    found = {}
    for line in text.splitlines():
        if re.fullmatch(r"[A-Z].*:", line):
            section = line[:-1]
        elif name and line.startswith(30 * " "):
            found[name]["help"] = f"{found[name]['help']} {line.strip()}".strip()
        elif m := re.match(r"  (-\w|  )(?: --([\w-]+)(\[=(\S+)\]|=(\S+))?)?(?:$| +(.*))", line):
            name = m[2] or m[1][1]
            kind = "no_argument" if not m[3] else "optional_argument" if m[4] else "required_argument"
            found[name] = {"names": [x for x in (m[1].strip(), m[2] and "--" + m[2]) if x], "argument": kind,
                           "value_name": m[4] or m[5], "sections": [section], "help": m[6] or ""}
    return found


def differences(options, expected):
    found = {option["id"]: option for option in options}
    for name in sorted(expected.keys() ^ found.keys()):
        yield f"{name} is {'only in --help' if name in expected else 'not in --help'}"
    for name in expected.keys() & found.keys():
        for key, value in expected[name].items():
            if found[name].get(key) != value:
                yield f"{name}: {key} is {found[name].get(key)!r}, and {value!r} in --help"


document = json.loads(run("--introspect-cli"))
check("it is JSON")
command, = document["commands"]
check("it says what it is", *[key for key, value in {
    "mediaType": document["mediaType"] == "application/vnd.io.systemd.cli-introspection-0",
    "type": command["type"] == "command",
    "names": command["names"] == ["nspawn"],
    "version": command["version"] == [run("--version").split()[-1].rstrip(")")],
    "documentation": command["documentation"] == ["man:nspawn(1)"],
    "arguments": all(option["type"] == "option" for option in command["arguments"])}.items() if not value])

options, expected = command["arguments"], options_of_help(run("--help"))
check("--help is understood", *[] if len(expected) > 80 and expected["bind"]["names"] == ["--bind"] else [expected])
check("it has all of --help, and no more", *differences(options, expected))
check("an option that is missing is noticed", *[] if list(differences(options[1:], expected)) else ["it is not"])
console, = [option for option in options if option["id"] == "console"]
check("it has the values of an option",
      *[] if [value["value"] for value in console["values"]] == run("--console=help").split() else [console])
print(f"1..{n}")
sys.exit(failed)
