"""Settings rows are changed here, checked against their definition and audited."""

from typing import Any

from agent.services import Services
from core import tunables
from core.caller import Caller
from core.errors import BadInput, NotFound
from core.scopes import Scope
from store import communities, settings
from store.audit import Deed


def change(services: Services, caller: Caller, key: str, value: object, community_id: str | None = None) -> int:
    """Set one value for the deployment or a community; its new version.

    Raises `BadInput` (`setting_unknown`, `setting_invalid`, `setting_not_per_community`), `NotFound`, `Forbidden`.
    """
    wanted = tunables.tunable(key)
    checked: Any = wanted.check(value)
    if community_id is not None and wanted.scope == "deployment":
        raise BadInput("setting_not_per_community", key=key)
    with services.database.write() as db:
        if community_id is not None and communities.get(db, community_id) is None:
            raise NotFound("community_not_found", extra={"community_id": community_id})
        if community_id is None and caller.communities(Scope.SETTINGS_EDIT) is not None:
            caller.require(Scope.SETTINGS_EDIT, "")
        caller.require(Scope.SETTINGS_EDIT, community_id)
        db.after_commit(services.burst_windows.clear)
        db.after_commit(services.screenings.clear)
        version = settings.put(db, key, community_id, checked, caller.id)
        db.audit(Deed(caller, "setting.changed", "setting", key, community_id, {"version": version}))
    return version
