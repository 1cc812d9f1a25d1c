class Origin:
    packed: bytes | None
    scheme: str | None
    untold: bool

    def __init__(self, packed: bytes | None, scheme: str | None, untold: bool) -> None:
        self.packed = packed
        self.scheme = scheme
        self.untold = untold


class Forwarding:
    def __init__(self, trusted: tuple[str, ...]) -> None: ...
    def resolve(self, peer: str | None, scheme: str, headers: object) -> Origin:
        return Origin(None, "https" if scheme == "https" else None, False)
