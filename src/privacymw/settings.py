"""Settings: one table of fields feeds the parser, the help, the documents and the page.

A *group* is a frozen `msgspec.Struct` whose annotated fields are its settings: the site, the
organisation, and every promise. Environment variables are read once, over the file of
`PRIVACYMW_CONFIG`, over the defaults; every fault is collected and told at once.
"""

import difflib
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final, Literal, NamedTuple, get_args, get_origin, get_type_hints

import msgspec

from privacymw.errors import SettingsError
from privacymw.kinds import KINDS, Kind, Meta, Refused

PREFIX: Final = "PRIVACYMW_"
MASKED: Final = "(set, not shown)"


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Settings that belong together; `PRIVACYMW_<GROUP>_<FIELD>` in the environment."""

    group: ClassVar[str] = ""


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
        """A value that would be accepted."""
        return self.show(self.default) or (self.words[-1] if self.words else self.kind.example)

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
    reader.look_for_strangers()
    if reader.faults:
        count = f"{len(reader.faults)} setting{'s' if len(reader.faults) > 1 else ''} cannot be obeyed"
        raise SettingsError("\n\n".join([count + ":", *reader.faults]))
    return Settings({group: group(**values[group]) for group in groups}, rows, reader.warnings)


class _Reader:
    """Reads fields one by one and collects faults and warnings."""

    def __init__(
        self, known: Mapping[str, Field], environ: Mapping[str, str], declared: Mapping[str, Any]
    ) -> None:
        self.known = known
        self.environ = environ
        self.declared = declared
        self.faults: list[str] = []
        self.warnings: list[str] = []
        self.path = environ.get(PREFIX + "CONFIG", "")
        self.file = _flat(self._load(self.path), known) if self.path else {}

    def _load(self, path: str) -> dict[str, Any]:
        try:
            return tomllib.loads(Path(path).read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else str(error)
            allowed = "the path of a readable TOML file"
            self.faults.append(fault(PREFIX + "CONFIG", path, f"cannot be read: {why}", allowed, "privacy.toml"))
            return {}

    def value(self, each: Field) -> tuple[Any, str]:
        """The value in force and where it came from; the default in place of a faulty one."""
        name = each.variable
        mounted = self.environ.get(name + "_FILE")
        if mounted is not None and name in self.environ:
            self.faults.append(fault(name + "_FILE", mounted, f"{name} is set too", "one of the two", None))
            return each.default, "default"
        if mounted is not None:
            return self._mounted(each, mounted)
        if self.environ.get(name, "").strip():
            text = self.environ[name].strip()
            return self._converted(each, lambda: each.kind.read(text), text, "environment")
        if name in self.file:
            raw = self.file[name]
            text = raw if isinstance(raw, str) else str(raw)
            read = (lambda: each.kind.read(raw)) if isinstance(raw, str) else (lambda: raw)
            return self._converted(each, read, text, self.path)
        if name in self.declared:
            value = self.declared[name]
            return self._converted(each, lambda: value, str(value), "the app's code")
        return each.default, "default"

    def _mounted(self, each: Field, path: str) -> tuple[Any, str]:
        try:
            text = Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            name = each.variable + "_FILE"
            self.faults.append(fault(name, path, f"cannot be read: {why}", "the path of a readable file", None))
            return each.default, "default"
        return self._converted(each, lambda: each.kind.read(text), text, f"file of {each.variable}_FILE")

    def _converted(self, each: Field, read: Callable[[], Any], text: str, source: str) -> tuple[Any, str]:
        try:
            value = msgspec.convert(read(), each.type if each.words else _bounded(each))
            check = (each.meta.extra or {})["check"]
            if check is not None:
                check(value)
        except (ValueError, msgspec.ValidationError) as error:
            at = error.at if isinstance(error, Refused) else 0
            why = _plainly(str(error)) if isinstance(error, msgspec.ValidationError) else str(error)
            shown = MASKED if each.secret else text
            self.faults.append(fault(each.variable, shown, why, each.allowed, each.example, at))
            return each.default, "default"
        return value, source

    def look_for_strangers(self) -> None:
        """Refuses near misses of known names; only warns of others, so that a rollback starts."""
        names = {**dict.fromkeys(self.file, ""), **self.environ}
        for name in names:
            base = name.removesuffix("_FILE")
            if not name.startswith(PREFIX) or base in self.known or _injected(name):
                continue
            near = difflib.get_close_matches(base, self.known, n=1, cutoff=0.87)
            if near:
                why = f"no such setting; the nearest is {near[0]}"
                example = "..." if self.known[near[0]].secret else names[name] or self.known[near[0]].example
                self.faults.append(fault(name, "", why, "the names of `privacymw settings`", example, name=near[0]))
            else:
                self.warnings.append(f"{name} is no setting of this version and is ignored")


def _bounded(each: Field) -> Any:
    from typing import Annotated

    bounds = Meta(ge=each.meta.ge, le=each.meta.le)
    return Annotated[each.type, bounds] if each.meta.ge is not None or each.meta.le is not None else each.type


def _injected(name: str) -> bool:
    """Kubernetes sets such variables for a service called privacymw."""
    return "_SERVICE_" in name or "_PORT" in name


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


def fault(variable: str, value: str, why: str, allowed: str, example: str | None, at: int = 0, name: str = "") -> str:
    """A settings fault: variable, value with a caret, why, what is allowed, a line to paste."""
    head = f"{variable}={_one_line(value)}"
    caret = " " * (len(variable) + 1 + at if value else 0) + "^"
    lines = [f"  {head}", f"  {caret} {why}", f"  allowed: {allowed}"]
    if example is not None:
        lines.append(f"  paste:   {name or variable}={example}")
    return "\n".join(lines)


def _one_line(value: str) -> str:
    return "".join(sign if sign.isprintable() else "?" for sign in value[:200])
