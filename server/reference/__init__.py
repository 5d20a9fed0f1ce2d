"""The contract, readable at `/docs` without any network: Swagger UI from an installed package, our own starter."""

from importlib.resources import files
from pathlib import Path
from typing import Final

from fastapi import APIRouter, FastAPI
from fastapi.responses import FileResponse, HTMLResponse
from fastapi.staticfiles import StaticFiles

_PACKAGE: Final = "fastapi_offline"
# Swagger UI styles its own elements inline; scripts stay limited to files of this service.
_POLICY: Final = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'"

router = APIRouter(include_in_schema=False)


@router.get("/docs")
def page() -> HTMLResponse:
    source = files(__name__).joinpath("page.html").read_text("utf-8")
    return HTMLResponse(source, headers={"content-security-policy": _POLICY})


@router.get("/docs/start.js")
def start() -> FileResponse:
    return FileResponse(Path(__file__).with_name("start.js"), media_type="text/javascript")


def install(app: FastAPI) -> None:
    """Add the page and its assets."""
    app.include_router(router)
    app.mount("/docs/static", StaticFiles(packages=[(_PACKAGE, "static")]), name="reference")
