#!/usr/bin/env python3
"""Checks the "may use" lines of ARCHITECTURE.md: which room of the house may include what.

Looks at the #include lines of every C file below include/, src/, adapters/ and examples/. A header that is in none of
the tables below is an error too, so that a new library has to be given a room first.
"""

import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# Third-party libraries, by the beginning of their header names.
LIBRARIES = {
    "libevent": ("event2/",),
    "libuv": ("uv.h", "uv/"),
    "libwebsockets": ("libwebsockets.h",),
    "http_parser": ("http_parser.h",),
    "cJSON": ("cjson/", "cJSON.h"),
    "zlib": ("zlib.h",),
    "hiredis": ("hiredis/",),
    "libcurl": ("curl/",),
    "libjwt": ("jwt.h",),
    "libcrypto": ("openssl/",),
}

# What libc and the compiler bring. The first list computes, the second reaches the kernel or looks at the clock.
PURE = """assert ctype emmintrin errno float inttypes iso646 limits locale math stdalign stdarg stdbool stddef stdint
    search stdio stdlib stdnoreturn string strings wchar wctype regex""".split()
KERNEL = """dirent fcntl getopt grp ifaddrs netdb poll pthread pwd sched semaphore signal spawn stdatomic sysexits
    syslog termios threads time unistd""".split()
KERNEL_FOLDERS = ("sys/", "netinet/", "arpa/", "net/", "linux/", "bits/")

# The installed headers that the lowest rooms may know: what they define of it, and its vocabulary.
BASE_API = ("log", "namespace", "stats", "visibility")
PROTOCOL_API = ("args", "emit", "engine", "visibility")
LOOP_API = ("log", "stats", "visibility")


class Room:
    def __init__(self, uses=(), libraries=(), files=None, api=None, kernel=True):
        self.uses = uses  # other rooms whose headers it may include
        self.libraries = libraries  # third-party libraries for all its files
        self.files = files or {}  # beginning of a file name: further libraries
        self.api = api  # installed headers; None: all
        self.kernel = kernel  # may do I/O and look at the clock


ROOMS = {
    "include/peal": Room(kernel=False),
    "src/base": Room(api=BASE_API),
    "src/protocol": Room(["base"], ["cJSON"], api=PROTOCOL_API, kernel=False),
    "src/loop": Room(["base"], ["libevent", "libuv"], api=LOOP_API),
    "src/http": Room(["base", "loop"], ["libevent", "http_parser"]),
    "src/engine": Room(["base", "protocol", "loop"]),
    "src/transport": Room(
        ["base", "protocol", "loop", "http", "engine"],
        files={"polling": ["zlib"], "compress": ["zlib"], "websocket": ["libwebsockets"]},
    ),
    "src/server": Room(["base", "protocol", "loop", "engine"]),
    "src/cluster": Room(["base", "protocol", "loop", "engine", "server"], files={"announce": ["cJSON"]}),
    "src/node": Room(
        ["base", "protocol", "loop", "http", "engine", "transport", "server", "cluster", "adapters"], ["libevent"]
    ),
    "src/app": Room([], ["libevent", "cJSON", "libcurl", "libjwt", "libcrypto"]),
    "adapters": Room(["base", "protocol", "loop"], files={"redis/connection": ["hiredis", "libevent", "libcrypto"]}),
    "examples": Room([], ["libevent", "cJSON"]),
}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def library_of(header):
    for name, beginnings in LIBRARIES.items():
        if header.startswith(beginnings):
            return name
    return None


def check_system(room, path_in_room, header):
    """What is wrong with a header in angle brackets, or None."""
    library = library_of(header)
    if library:
        allowed = list(room.libraries)
        for beginning, more in room.files.items():
            if path_in_room.startswith(beginning):
                allowed += more
        return None if library in allowed else f"{library} is not for this file"
    if header.startswith("peal/"):
        name = header[len("peal/") : -len(".h")]
        if room.api is not None and name not in room.api:
            return "this room does not know that part of the API"
        return None
    stem = header[: -len(".h")] if header.endswith(".h") else header
    if stem in PURE:
        return None
    if stem in KERNEL or header.startswith(KERNEL_FOLDERS):
        return None if room.kernel else "this room does no I/O and has no clock"
    return "no library of the table has this header"


def check_own(room_path, room, folder, header):
    """What is wrong with a header in quotes, or None."""
    first = header.split("/")[0]
    own = room_path.split("/")[-1]
    if os.path.exists(os.path.join(ROOT, folder, header)):
        target = os.path.normpath(os.path.join(folder, header))
        return None if target.startswith(room_path + "/") else "leaves its room by a relative path"
    if first == own or first in room.uses:
        return None
    if "/" not in header:
        return None  # made by the build, from a file of the same room
    return f"may not use {first}/"


def check_file(room_path, path):
    room = ROOMS[room_path]
    problems = []
    with open(os.path.join(ROOT, path), encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            match = INCLUDE.match(line)
            if not match:
                continue
            if match.group(1) == "<":
                problem = check_system(room, path[len(room_path) + 1 :], match.group(2))
            else:
                problem = check_own(room_path, room, os.path.dirname(path), match.group(2))
            if problem:
                problems.append(f"{path}:{number}: {match.group(2)}: {problem}")
    return problems


def room_of(path):
    matching = [room for room in ROOMS if path.startswith(room + "/")]
    return max(matching, key=len) if matching else None


def main():
    problems = []
    files = 0
    for top in ("include", "src", "adapters", "examples"):
        for folder, _, names in os.walk(os.path.join(ROOT, top)):
            for name in sorted(names):
                if not name.endswith((".c", ".h")):
                    continue
                path = os.path.relpath(os.path.join(folder, name), ROOT)
                files += 1
                room = room_of(path)
                problems += check_file(room, path) if room else [f"{path}: is in no room"]
    for problem in problems:
        print(problem)
    if not files:
        print("no C file found")
    return 1 if problems or not files else 0


if __name__ == "__main__":
    sys.exit(main())
