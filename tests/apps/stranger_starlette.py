"""Starlette Admin's back office, over a few records in memory."""

from typing import Any

from starlette.applications import Starlette
from starlette_admin import IntegerField, StringField
from starlette_admin.base import BaseAdmin
from starlette_admin.views import BaseModelView

from privacymw.asgi import PrivacyMiddleware


class Claim:
    def __init__(self, id: int, member: str) -> None:  # noqa: A002 - the name that its page shows
        self.id, self.member = id, member


CLAIMS = {number: Claim(number, f"M{number}") for number in range(1, 4)}


class Claims(BaseModelView):
    key = "claim"
    name = "Claim"
    label = "Claims"
    pk_attr = "id"
    fields = [IntegerField("id"), StringField("member")]

    async def find_all(self, *given: Any, **more: Any) -> list[Claim]:
        return [*CLAIMS.values()]

    async def count(self, *given: Any, **more: Any) -> int:
        return len(CLAIMS)

    async def find_by_pk(self, request: Any, pk: Any) -> Claim | None:
        return CLAIMS.get(int(pk))

    async def find_by_pks(self, request: Any, pks: list[Any]) -> list[Claim]:
        return [CLAIMS[int(pk)] for pk in pks]

    async def create(self, request: Any, data: dict[str, Any]) -> Any:
        raise NotImplementedError

    async def edit(self, request: Any, pk: Any, data: dict[str, Any]) -> Any:
        raise NotImplementedError

    async def delete(self, request: Any, pks: list[Any]) -> int:
        raise NotImplementedError


office = BaseAdmin(title="Claims", base_url="/", secret_key="of a test, and of nothing else")
office.add_view(Claims)
bare = Starlette()
office.mount_to(bare)
app = PrivacyMiddleware(bare)
