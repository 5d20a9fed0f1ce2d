"""A segment in words for people."""

from collections.abc import Mapping
from functools import partial

from core import catalogue
from core import segments as tree


def describe(segment: tree.Node, names: Mapping[str, str], locale: str = catalogue.DEFAULT_LOCALE) -> str:
    """One line; `names` are those of communities by id."""
    return _Words(names, locale).of(segment)


class _Words:
    def __init__(self, names: Mapping[str, str], locale: str) -> None:
        self._names = names
        self._locale = locale
        self._say = partial(self._text, "campaign.text")

    def _text(self, family: str, key: str, **params: object) -> str:
        return catalogue.text(f"{family}.{key}", self._locale, **params)

    def _list(self, words: list[str]) -> str:
        return ("、" if self._locale.startswith("zh") else ", ").join(words)

    def of(self, node: tree.Node) -> str:
        match node:
            case tree.And(of=(one,)) | tree.Or(of=(one,)):
                return self.of(one)
            case tree.And():
                return self._say("all_of", parts="；".join(map(self.of, node.of)))
            case tree.Or():
                return self._say("any_of", parts="；".join(map(self.of, node.of)))
            case tree.Not():
                return self._say("none_of", parts=self.of(node.of))
            case tree.Everyone():
                return self._say("everyone")
            case tree.Performed() | tree.NotPerformed():
                return self._did(node)
            case tree.Joined():
                return self._joined(node)
            case tree.LastActive():
                return self._say("last_active", limits=self._list(self._days(node)))
        return self._listed(node)

    def _listed(self, node: tree.InCommunity | tree.OnChannel | tree.HasActivity | tree.FromSource) -> str:
        match node:
            case tree.InCommunity():
                return self._groups(node.in_)
            case tree.OnChannel():
                return self._say("channels", names=self._list(list(node.in_)))
            case tree.FromSource():
                return self._say("sources", names=self._list(list(node.in_)))
            case tree.HasActivity():
                words = [self._text("campaign.activity", one.value) for one in node.in_]
                return self._say("activity", names=self._list(words))

    def _joined(self, node: tree.Joined) -> str:
        said = self._say("joined", limits=self._list([*self._between(node), *self._days(node)]))
        return f"{said}（{self._groups(node.in_)}）" if node.in_ else said

    def _groups(self, ids: tuple[str, ...]) -> str:
        return self._say("communities", names=self._list([self._names.get(one, one) for one in ids]))

    def _did(self, node: tree.Performed | tree.NotPerformed) -> str:
        what = self._text("campaign.deed", str(node.what))
        within = self._say("within", days=node.within_days) if node.within_days else ""
        if isinstance(node, tree.NotPerformed):
            return self._say("not_performed", within=within, what=what)
        return self._say("performed", within=within or self._say("ever"), what=what, times=node.times)

    def _between(self, node: tree.Joined) -> list[str]:
        found = []
        if node.from_ is not None:
            found.append(self._say("from", day=node.from_.isoformat()))
        if node.to is not None:
            found.append(self._say("to", day=node.to.isoformat()))
        return found

    def _days(self, node: tree.Joined | tree.LastActive) -> list[str]:
        found = []
        if node.days_ago_least is not None:
            found.append(self._say("days_least", days=node.days_ago_least))
        if node.days_ago_most is not None:
            found.append(self._say("days_most", days=node.days_ago_most))
        return found
