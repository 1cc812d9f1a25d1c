"""Settings: one table of fields feeds the parser, the help, the documents and the page.

A *group* is a frozen `msgspec.Struct` whose annotated fields are its settings: the site, the
organisation, and every promise. Environment variables are read once, over the file of
`PRIVACYMW_CONFIG`, over the defaults; every fault is collected and told at once.
"""

import difflib
import re
import secrets
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Literal, NamedTuple, get_args, get_origin, get_type_hints

import msgspec

from privacymw.errors import SettingsError
from privacymw.faults import fault, one_line
from privacymw.kinds import KINDS, Kind, Meta, Refused, printable

PREFIX: Final = "PRIVACYMW_"
CONFIG: Final = PREFIX + "CONFIG"
MASKED: Final = "(set, not shown)"
_SECRETIVE: Final = re.compile("SECRET|KEY|PASS|TOKEN")
"""In a mistyped name: what stands there may be a secret, whatever setting it is nearest to."""


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Settings that belong together; `PRIVACYMW_<GROUP>_<FIELD>` in the environment."""

    group: ClassVar[str] = ""

    def __repr__(self) -> str:
        shown = (f"{each.name}={each.show(getattr(self, each.name))!r}" for each in fields(type(self)))
        return f"{type(self).__name__}({', '.join(shown)})"

    def contradictions(self) -> Iterator[tuple[str, str, Any]]:
        """Fields whose values cannot be obeyed together: the name of one to change, why, and to what."""
        yield from ()


class Field(NamedTuple):
    """One setting, as its group's annotation describes it."""

    group: type[Group]
    name: str
    type: Any
    meta: Meta
    default: Any

    @property
    def variable(self) -> str:
        parts = [part for part in (self.group.group, self.name) if part]
        return PREFIX + "_".join(parts).upper()

    @property
    def kind(self) -> Kind:
        return KINDS[(self.meta.extra or {})["kind"]]

    @property
    def secret(self) -> bool:
        return bool((self.meta.extra or {})["secret"])

    @property
    def words(self) -> tuple[str, ...]:
        """The allowed words of a setting that takes one of a few."""
        return tuple(word for each in _choices(self.type) for word in get_args(each) if isinstance(word, str))

    @property
    def allowed(self) -> str:
        """What may stand there, in words."""
        if self.words:
            return " | ".join(word or '""' for word in self.words)
        bounds = [f"from {self.show(self.meta.ge)}"] if self.meta.ge is not None else []
        bounds += [f"to {self.show(self.meta.le)}"] if self.meta.le is not None else []
        return ", ".join([self.kind.allowed, " ".join(bounds)]) if bounds else self.kind.allowed

    @property
    def example(self) -> str:
        """A value that would be accepted; of a secret a new one each time, for nobody else may have it."""
        if self.secret:
            return secrets.token_urlsafe(32)
        given: str = (self.meta.extra or {})["example"]
        return self.show(self.default) or given or (self.words[-1] if self.words else self.kind.example)

    @property
    def paste(self) -> str:
        """A line for the environment that would be accepted."""
        return f"{self.variable}={self.example}"

    def show(self, value: Any) -> str:
        """A value as it would be written in the environment; secrets are masked."""
        if value is None or value in ("", (), {}):
            return ""
        return MASKED if self.secret else self.kind.show(value)


def _choices(annotation: Any) -> list[Any]:
    return [each for each in (annotation, *get_args(annotation)) if get_origin(each) is Literal]


def fields(group: type[Group]) -> list[Field]:
    """The settings of a group, in the order in which they are written."""
    hints = get_type_hints(group, include_extras=True)
    found = []
    for each in msgspec.structs.fields(group):
        kind, *metas = get_args(hints[each.name])
        meta = next(meta for meta in metas if isinstance(meta, Meta))
        default = each.default if each.default is not msgspec.NODEFAULT else each.default_factory()
        found.append(Field(group, each.name, kind, meta, default))
    return found


class Row(NamedTuple):
    """A line of the settings table."""

    field: Field
    value: Any
    source: str

    def __repr__(self) -> str:
        return f"{self.field.variable}={self.field.show(self.value)!r} ({self.source})"


class Settings(NamedTuple):
    """What was read: the groups by class, the table, and what the operator should hear of."""

    groups: dict[type[Group], Group]
    rows: list[Row]
    warnings: list[str]


def read(
    groups: Sequence[type[Group]], environ: Mapping[str, str], declared: Mapping[str, Any] | None = None
) -> Settings:
    """All groups from an environment and the file that it names, over what the app declared of itself.

    Raises:
        SettingsError: with every fault: the variable, its value, what is allowed, a line to paste.
    """
    known = {each.variable: each for group in groups for each in fields(group)}
    reader = _Reader(known, environ, declared or {})
    values: dict[type[Group], dict[str, Any]] = {group: {} for group in groups}
    rows = []
    for each in known.values():
        value, source = reader.value(each)
        values[each.group][each.name] = value
        rows.append(Row(each, value, source))
    made = {group: group(**values[group]) for group in groups}
    reader.look_for_contradictions(made.values())
    reader.look_for_strangers()
    if reader.faults:
        count = f"{len(reader.faults)} setting{'s' if len(reader.faults) > 1 else ''} cannot be obeyed"
        raise SettingsError("\n\n".join([count + ":", *reader.faults]))
    return Settings(made, rows, reader.warnings)


class _Reader:
    """Reads fields one by one and collects faults and warnings."""

    def __init__(self, known: Mapping[str, Field], environ: Mapping[str, str], declared: Mapping[str, Any]) -> None:
        self.known = known
        self.environ = environ
        self.declared = declared
        self.faults: list[str] = []
        self.warnings: list[str] = []
        self._faulty: set[type[Group]] = set()
        self.path = environ.get(CONFIG, "").strip()
        self.file = _flat(self._load(self.path), known) if self.path else {}

    def _load(self, path: str) -> dict[str, Any]:
        try:
            return tomllib.loads(Path(path).read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            allowed = "the path of a readable TOML file"
            why, paste = f"cannot be read: {_reason(error)}", f"{CONFIG}=privacy.toml"
            self.faults.append(fault(CONFIG, path, why, allowed, paste))
            return {}

    def value(self, each: Field) -> tuple[Any, str]:
        """The value in force and where it came from; the default in place of a faulty one."""
        name = each.variable
        text, mounted = (self.environ.get(key, "").strip() for key in (name, name + "_FILE"))
        if name == CONFIG:
            mounted = ""  # a path to a path, which is refused below
        if text and mounted:
            paste = f"unset {name}_FILE"
            return self._faulted(each, fault(name + "_FILE", mounted, f"{name} is set too", "one of the two", paste))
        if mounted:
            return self._mounted(each, mounted)
        if text:
            return self._converted(each, text, "environment")
        if self.file.get(name, "") != "":
            return self._converted(each, self.file[name], self.path)
        if name in self.declared:
            return self._converted(each, self.declared[name], "the app's code")
        return each.default, "default"

    def _mounted(self, each: Field, path: str) -> tuple[Any, str]:
        name = each.variable + "_FILE"
        try:
            text = Path(path).read_text(encoding="utf-8").strip()
            if not text:
                raise ValueError("it is empty")  # a secret that did not arrive must not become a default
        except (OSError, ValueError) as error:
            why, paste = f"cannot be read: {_reason(error)}", f"{name}=/run/secrets/{each.variable.lower()}"
            return self._faulted(each, fault(name, path, why, "the path of a readable file", paste))
        return self._converted(each, text, f"file of {name}")

    def _faulted(self, each: Field, text: str) -> tuple[Any, str]:
        self.faults.append(text)
        self._faulty.add(each.group)
        return each.default, "default"

    def _converted(self, each: Field, raw: Any, source: str) -> tuple[Any, str]:
        """A value from a text, or from what TOML has instead."""
        try:
            plain = each.kind.read(printable(raw)) if isinstance(raw, str) else raw
            value = msgspec.convert(plain, each.type if each.words else _bounded(each))
            check = (each.meta.extra or {})["check"]
            if check is not None:
                check(value)
        except ValueError as error:  # msgspec's are of this kind too
            at = error.at if isinstance(error, Refused) else 0
            why = _plainly(str(error)) if isinstance(error, msgspec.ValidationError) else str(error)
            shown = MASKED if each.secret else str(raw)
            return self._faulted(each, fault(each.variable, shown, why, each.allowed, each.paste, at))
        return value, source

    def look_for_contradictions(self, groups: Iterable[Group]) -> None:
        """Collects what cannot be obeyed together; not of a group with a fault, for a default stands in there."""
        for group in groups:
            if type(group) in self._faulty:
                continue
            own = {each.name: each for each in self.known.values() if each.group is type(group)}
            for name, why, better in group.contradictions():
                each, value = own[name], getattr(group, name)
                paste = each.paste if each.secret else f"{each.variable}={each.show(better)}"
                self.faults.append(fault(each.variable, each.show(value), why, each.allowed, paste))

    def look_for_strangers(self) -> None:
        """Refuses near misses of known names; only warns of others, so that a rollback starts."""
        names = {**dict.fromkeys(self.file, ""), **self.environ}
        for name in names:
            base = name.removesuffix("_FILE")
            known = base in self.known and name != CONFIG + "_FILE"
            if not name.startswith(PREFIX) or known or _injected(name):
                continue
            near = difflib.get_close_matches(base, self.known, n=1, cutoff=0.87)
            if near:
                why = f"no such setting; the nearest is {near[0]}"
                nearest, hidden = self.known[near[0]], _SECRETIVE.search(name) is not None
                example = nearest.example if hidden or nearest.secret else str(names[name]) or nearest.example
                paste = f"{near[0]}={example}"
                self.faults.append(fault(name, "", why, "the names of `privacymw settings`", paste))
            else:
                self.warnings.append(f"{one_line(name)} is no setting of this version and is ignored")


def _bounded(each: Field) -> Any:
    """The type to convert to: bounds stand on numbers alone, also where None is the default."""
    bounds = Meta(ge=each.meta.ge, le=each.meta.le)
    return each.type if each.meta.ge is None and each.meta.le is None else Annotated[int, bounds]


def _injected(name: str) -> bool:
    """Kubernetes sets such variables for a service called privacymw."""
    return "_SERVICE_" in name or "_PORT" in name


def _reason(error: Exception) -> str:
    """Why a file cannot be read."""
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return {UnicodeDecodeError: "it is not UTF-8 text", RecursionError: "it is nested too deeply"}.get(
        type(error), str(error)
    )


def _plainly(message: str) -> str:
    return message.replace("Expected ", "expected ").replace("Invalid enum value", "not one of the words")


def _flat(table: Mapping[str, Any], known: Iterable[str]) -> dict[str, Any]:
    """`[addresses] retention` as `PRIVACYMW_ADDRESSES_RETENTION`; a table that is a value stays one."""
    names = frozenset(known)
    found: dict[str, Any] = {}

    def walk(prefix: str, part: Mapping[str, Any]) -> None:
        for key, value in part.items():
            name = f"{prefix}{key.upper().replace('-', '_')}"
            if isinstance(value, Mapping) and name not in names:
                walk(name + "_", value)
            else:
                found[name] = value

    walk(PREFIX, table)
    return found
