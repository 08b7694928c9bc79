"""All engines, and which of them can be used on this machine."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

from bonafide.settings import SettingsError
from bonafide.synthesis.engine import Engine
from bonafide.synthesis.engines import libraries, parametric, programs, spectral
from bonafide.synthesis.engines.onnx_vocoder import OnnxVocoder
from bonafide.synthesis.engines.partial import PartlySpoofed
from bonafide.text import did_you_mean
from bonafide.trials import ids

AUTO = "auto"
PARTIAL = "partial"


def built_in() -> list[Engine]:
    """Returns the engines that need no file or command of the user's."""
    return [
        spectral.GriffinLimLinear(),
        spectral.GriffinLimMel(),
        spectral.PhaseDisturbed(),
        parametric.Lpc(),
        parametric.MelCepstral(),
        parametric.Sinusoidal(),
        libraries.World(),
        libraries.Psola(),
        libraries.FormantChange(),
        parametric.FrameSelection(),
        programs.Codec2(),
        programs.EspeakNg(),
        programs.Flite(),
        programs.Festival(),
        programs.Pico(),
    ]


def known(vocoders: Sequence[str] = (), commands: Sequence[str] = ()) -> dict[str, Engine]:
    """Returns all engines by name, whether usable or not.

    Args:
        vocoders: ONNX files.
        commands: `NAME=COMMAND`, or a command alone, whose name is that of its program.

    Raises:
        SettingsError: A file or a command is unusable, or two engines have one name.
    """
    found: dict[str, Engine] = {}
    given = [OnnxVocoder(pathlib.Path(path)) for path in vocoders]
    for engine in (*built_in(), *given, *(_command(text) for text in commands)):
        if engine.name in found:
            raise SettingsError("engines of different names", f"{engine.name} twice", "--engines")
        found[engine.name] = engine
    return found


def chosen(names: str, engines: dict[str, Engine], *, with_text: bool) -> list[Engine]:
    """Returns the engines of a list such as `auto`, `world,lpc`, `auto,partial`, `auto,-lpc`.

    `auto` is every usable engine; without texts, those that need none. `partial` adds a partly
    spoofed version of two of the chosen engines that keep the timing, and so does `partial:NAME`
    for one. `-NAME` removes an engine.

    Args:
        names: The list.
        engines: All engines by name.
        with_text: Whether there are texts.

    Raises:
        SettingsError: An unknown name, an engine that cannot be used, or none is left.
    """
    picked: dict[str, Engine] = {}
    removed, partials = set(), []
    for name in (part.strip() for part in names.split(",") if part.strip()):
        bare = name.removeprefix("-").removeprefix(f"{PARTIAL}:")
        if bare not in (AUTO, PARTIAL) and bare not in engines:
            advice = did_you_mean(bare, [*engines, AUTO, PARTIAL])
            raise SettingsError("an engine", repr(bare), "--engines", advice=advice)
        if name.startswith("-"):
            removed.add(bare)
        elif name == AUTO:
            picked |= {each.name: each for each in engines.values() if _usable(each, with_text)}
        elif name.startswith(PARTIAL):
            partials.append(name)
        else:
            picked[bare] = _checked(engines[bare], with_text)
    picked = {name: engine for name, engine in picked.items() if name not in removed}
    for name in partials:
        inner = name.partition(":")[2]
        pool = [engines[inner]] if inner else [e for e in picked.values() if _can_be_inner(e)]
        for engine in pool[:1] + pool[1:][-1:]:
            picked[f"{PARTIAL}_{engine.name}"] = PartlySpoofed(_checked(engine, with_text))
    if not picked:
        raise SettingsError("at least one usable engine", "none", "--engines")
    return list(picked.values())


def _can_be_inner(engine: Engine) -> bool:
    return engine.aligned and not engine.needs_text and engine.top_hz > 7_000


def _usable(engine: Engine, with_text: bool) -> bool:
    return not engine.missing() and (with_text or not engine.needs_text)


def _checked(engine: Engine, with_text: bool) -> Engine:
    if missing := engine.missing():
        raise SettingsError(f"{engine.name} to be usable", f"a machine without {missing}")
    if engine.needs_text and not with_text:
        raise SettingsError(
            f"texts for {engine.name}", "none", advice="Give --texts FILE, or a column `text`"
        )
    return engine


def _command(text: str) -> Engine:
    name, equals, command = text.partition("=")
    if not equals or not name.strip().isidentifier():
        name, command = "", text
    name = name.strip() or ids.as_id(pathlib.Path(command.split()[0]).stem if command else "")
    return programs.Command(name, command)


def listing(engines: Sequence[Engine]) -> str:
    """Returns a table of engines: name, kind, whether usable, licence, and what is missing."""
    width = max(len(engine.name) for engine in engines)
    kinds = max(len(engine.kind) for engine in engines)
    lines = []
    for engine in engines:
        missing = engine.missing()
        needs = " (needs texts)" if engine.needs_text else ""
        state = f"missing: {missing}" if missing else f"usable{needs}"
        lines.append(f"{engine.name:<{width}}  {engine.kind:<{kinds}}  {state}")
        lines.append(f"{'':<{width}}  {'':<{kinds}}  licence: {engine.licence}")
    return "\n".join(lines)
