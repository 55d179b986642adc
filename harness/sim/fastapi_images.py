"""The OpenAI images protocol as self-hosted servers on FastAPI speak it: their errors are `{detail}`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import JSONResponse

from harness.sim.openai_app import ImagesApi
from harness.sim.openai_wire import ImagesBody, RefusedError, parse_body

if TYPE_CHECKING:
    from starlette.responses import Response


class FastApiImages(ImagesApi):
    """Validation is answered with 422 and a list, anything else with a sentence; a wrong key with neither."""

    name_header = ""

    def parse(self, fields: object) -> ImagesBody:
        """The fields as a body; 422 names the first wrong one."""
        try:
            return parse_body(fields, self.body_type)
        except RefusedError as error:
            raise RefusedError(422, error.message, error.code, error.param) from error

    def refuse(self, error: RefusedError) -> Response:
        """`{detail}`; of what moderates, limits rates and asks for money these servers know nothing themselves: such
        an answer is that of a proxy in front of them."""
        if error.status == 401:
            return JSONResponse({"error": "Unauthorized"}, 401)
        problem = {"type": error.code, "loc": ["body", error.param], "msg": error.message}
        return error.told({"detail": [problem] if error.status == 422 and error.param else error.message})
