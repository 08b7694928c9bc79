"""Makes the jar of a job server that `java -jar` starts; scripts/get_engines.sh calls it.

    python3 scripts/engines/job_server_jar.py CLASS FOLDER JAR

FOLDER/classes contains the class, FOLDER/lib the jars of its class path. They are not copied into
JAR: its manifest names them, relative to JAR.
"""

import os
import pathlib
import sys
import zipfile

# Flink and Spark reflect on these packages of Java 17 or newer.
OPENED = (
    *("lang", "lang.invoke", "lang.reflect", "io", "math", "net", "nio", "text", "time", "util"),
    *("util.concurrent", "util.concurrent.atomic", "util.concurrent.locks"),
)
INTERNAL = ("sun.nio.ch", "sun.nio.cs", "sun.security.action", "sun.util.calendar")


def manifest(main_class: str, class_path: list[str]) -> str:
    """Returns the text of a manifest, whose lines have at most 72 bytes.

    Args:
        main_class: Name of the class that `java -jar` starts.
        class_path: Paths of jars, relative to the jar of the manifest.
    """
    opened = [f"java.base/java.{name}" for name in OPENED]
    opened += [f"java.base/{name}" for name in INTERNAL]
    fields = {
        "Manifest-Version": "1.0",
        "Main-Class": main_class,
        "Class-Path": " ".join(class_path),
        "Add-Opens": " ".join(opened),
    }
    return "".join(wrapped(f"{name}: {value}") for name, value in fields.items()) + "\n"


def wrapped(line: str) -> str:
    """Continues a line of more than 72 bytes as the specification of jar files demands."""
    parts = [line[:72], *(" " + line[at : at + 71] for at in range(72, len(line), 71))]
    return "\n".join(parts) + "\n"


def main(main_class: str, folder: str, jar: str) -> None:
    """Writes the jar beside its final name, then renames it."""
    target, source = pathlib.Path(jar), pathlib.Path(folder)
    jars = sorted(source.glob("lib/*.jar"))
    paths = [os.path.relpath(path, target.parent) for path in jars]
    unfinished = target.with_name(f"{target.name}.unfinished")
    with zipfile.ZipFile(unfinished, "w") as archive:
        archive.writestr("META-INF/MANIFEST.MF", manifest(main_class, paths))
        for path in sorted(source.glob("classes/*.class")):
            archive.write(path, path.name)
    unfinished.replace(target)


if __name__ == "__main__":
    main(*sys.argv[1:])
