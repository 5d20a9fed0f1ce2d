"""A sentence for people from what the tools returned, and nothing else."""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any, Final

from agent.steps.question_parse.interpretation import Days, Interpretation
from agent.steps.question_parse.unread import is_date
from agent.steps.question_plan import Plan
from core.catalogue import text
from core.metrics import Metric
from tools.figures import Answer, Figure
from tools.metrics_definitions import definition, name
from tools.registry import Call

_MOST_GROUPS: Final = 12


class Teller:
    """Words one answer in one language. `today` decides whether a period reads as now."""

    def __init__(self, locale: str, today: date) -> None:
        self._locale = locale
        self._today = today

    def _text(self, key: str, /, **values: object) -> str:
        return text(f"question.{key}", self._locale, **values)

    def refusal(self, reason: str, unread: str | None = None) -> str:
        """Why, and what can be asked instead; `unread` is the part of the question that was not understood."""
        why = text(f"refusal.{reason}", self._locale)
        if unread is not None:
            why = self._text("bad_date" if is_date(unread) else "unread", part=unread)
        return self._sentences([why, self._text("can")])

    def _sentences(self, parts: Iterable[str]) -> str:
        """Sentences in a row, with a space between where the language has one."""
        return self._text("gap").join(one.strip() for one in parts if one.strip())

    def definitions(self, found: Interpretation) -> str:
        metrics = [one for one in found.values("metric") if one in set(Metric)]
        parts = [self._definition(Metric(one)) for one in metrics]
        limits = [self._text("limits")] if len(metrics) < len(found.values("metric")) else []
        return self._sentences(parts + limits)

    def answer(self, plan: Plan, calls: Sequence[Call]) -> str:
        """The whole answer: figures, what could not be had, the period that was taken, definitions."""
        found = plan.interpretation
        parts = [self._of(call, found) for call in calls]
        parts += [self._lacking(one) for one in plan.lacking]
        parts += [
            self._text(
                "no_breakdown", metric=name(Metric(one), self._locale), dimension=self._dimension(found.group_by)
            )
            for one in plan.unbroken
        ]
        parts += [self._text("no_filter", names=self._join(map(self._dimension, plan.unfiltered)))] * bool(
            plan.unfiltered
        )
        answered = any(call.answer for call in calls)
        if answered and found.period is not None and found.period.kind == "default":
            parts.append(self._text("took_period", period=self._days(found.period)))
        parts += [self._definition(Metric(one)) for one in self._metrics(calls)]
        return self._sentences(parts)

    def plain(self, calls: Sequence[Call]) -> str:
        """Every total figure in a row: what stands where a model's text could not be trusted."""
        figures = [one for call in calls if call.answer for one in call.answer.figures if not one.dimensions]
        shown = [
            self._text(
                "plain",
                metric=name(Metric(one.metric), self._locale),
                value=self.value(one),
                period=self._days(Days(start=one.period.start, end=one.period.end)),
            )
            for one in figures
        ]
        return self._sentences(shown)

    def value(self, figure: Figure) -> str:
        """A figure with its unit, and with what it was made of."""
        if figure.value is None:
            return self._text("na")
        plain = self.number(figure.value, figure.unit)
        if figure.numerator is None or figure.denominator is None or figure.unit == "hour":
            return plain
        made = {"numerator": compact(figure.numerator), "denominator": compact(figure.denominator)}
        if figure.unit in ("share", "per_person"):
            return self._text("rate", value=plain, **made)
        if figure.metric == Metric.MEMBERS and figure.denominator:
            share = self.number(figure.numerator / figure.denominator, "share")
            return self._text("of_all", value=plain, share=share, **made)
        return plain

    def number(self, value: float | int, unit: str) -> str:
        shown = f"{compact(value * 100)}%" if unit == "share" else compact(value)
        return text(f"asked_unit.{unit}", self._locale, n=shown)

    def erased(self) -> str:
        """What stands where a member's name is gone."""
        return self._text("erased")

    def _of(self, call: Call, found: Interpretation) -> str:
        if call.answer is None:
            return self._failed(call)
        if call.tool == "top_speakers":
            return self._top(call.answer)
        if call.tool == "list_members":
            return self._list(call.answer)
        if call.tool == "breakdown":
            return self._grouped(call.answer, found)
        return self._single(call.answer)

    def _failed(self, call: Call) -> str:
        if call.error == "query_too_slow":
            return self._text("too_slow")
        key = f"error.{call.error}"
        return text(f"{key}.title", self._locale, **call.why) + "。" * (self._locale == "zh-CN")

    def _single(self, answer: Answer) -> str:
        first, *base = answer.figures
        parts = [self._text("total", **self._head(first), value=self.value(first))]
        if base:
            parts = [self._compared(first, base[0], answer.said)]
        if any(one.small and one.unit == "share" for one in answer.figures):
            parts.append(self._text("small"))
        return self._sentences(parts)

    def _compared(self, now: Figure, base: Figure, said: dict[str, Any]) -> str:
        head = self._text("total", **self._head(now), value=self.value(now)).rstrip("。.")
        before = self._text("base", period=self._days(_days(base)), value=self.value(base))
        difference = said.get("change")
        if difference is None:
            return f"{head}{self._text('join')}{before}{self._text('stop')}"
        if not difference:
            return f"{head}{self._text('join')}{before}{self._text('same')}"
        rate = said.get("change_rate")
        shown = "" if rate is None else self._text("rate_of", rate=f"{compact(abs(rate) * 100)}%")
        by = self._by(abs(difference), now.unit)
        return f"{head}{self._text('join')}{before}{self._text('up' if difference > 0 else 'down', by=by, rate=shown)}"

    def _by(self, difference: float, unit: str) -> str:
        return self._text("points", n=compact(difference * 100)) if unit == "share" else self.number(difference, unit)

    def _grouped(self, answer: Answer, found: Interpretation) -> str:
        groups = [one for one in answer.figures if one.dimensions]
        now = [one for one in groups if _days(one) == _days(groups[0])]
        if not now:
            return self._text("none", **self._head(answer.figures[0])) if answer.figures else self._text("nothing")
        whole = next((one for one in answer.figures if not one.dimensions), None)
        if found.limit == 1 and found.order in ("asc", "desc"):
            return self._first(now[0], found, answer)
        head = self._head(now[0])
        shown = [self._text("group", key=self._key(one), value=self.value(one)) for one in now[:_MOST_GROUPS]]
        more = self._text("more") if len(now) > _MOST_GROUPS else ""
        by = self._dimension(next(iter(now[0].dimensions)))
        told = self._text("grouped", **head, dimension=by, groups=self._join(shown) + more)
        return self._sentences([told, self._text("whole", value=self.value(whole)) if whole is not None else ""])

    def _first(self, figure: Figure, found: Interpretation, answer: Answer) -> str:
        if not figure.value:
            return self._text("all_zero" if figure.value == 0 else "none", **self._head(figure))
        share = figure.unit in ("share", "per_person")
        most = {"desc": "highest" if share else "most", "asc": "lowest" if share else "least"}[found.order or "desc"]
        # Several may share the first place: the limit of one must not name one of them alone.
        ties = [
            one
            for one in answer.figures
            if one.dimensions and one.value == figure.value and _days(one) == _days(figure)
        ]
        keys = self._join(self._key(one) for one in ties)
        return self._text("first", **self._head(figure), most=self._text(most), key=keys, value=self.value(figure))

    def _top(self, answer: Answer) -> str:
        if not answer.figures:
            return self._text("top_none", period="", where="").lstrip("，, ")
        shown = [f"{self._key(one)} {self.value(one)}" for one in answer.figures]
        return self._text("top", **self._head(answer.figures[0]), shown=len(shown), names=self._join(shown))

    def _list(self, answer: Answer) -> str:
        figure = answer.figures[0]
        head = self._head(figure)
        if not answer.table or not answer.table.rows:
            return self._text("list_none", where=head["where"], what=head["metric"])
        names = self._join(str(row[0]) for row in answer.table.rows[:_MOST_GROUPS])
        more = self._text("more") if len(answer.table.rows) > _MOST_GROUPS else ""
        shown = len(answer.table.rows)
        return self._text(
            "list", where=head["where"], what=head["metric"], value=self.value(figure), shown=shown, names=names + more
        )

    def _head(self, figure: Figure) -> dict[str, str]:
        channels = [self.group("channel", one) for one in figure.filters.get("channel", [])]
        places = [*figure.filters.get("community", []), *channels]
        where = self._text("where", names=self._join(places)) if places else ""
        if sources := figure.filters.get("source"):
            where += self._text("from_source", names=self._join(sources))
        if figure.filters.get("cohort"):
            where += self._text("joined")
        metric = name(Metric(figure.metric), self._locale)
        if standings := figure.filters.get("activity"):
            named = self._join(text(f"activity.{one}", self._locale) for one in standings)
            metric = (
                self._text("filter_activity", names=named)
                if figure.metric == Metric.MEMBERS
                else self._text("of_activity", names=named, metric=metric)
            )
        return {"period": self._days(_days(figure)), "where": where, "metric": metric}

    def _key(self, figure: Figure) -> str:
        dimension, key = next(iter(figure.dimensions.items()))
        return self.group(dimension, key)

    def group(self, dimension: str, key: str) -> str:
        """A group's name as people say it: 周三, 20 点, 沉默."""
        if dimension == "weekday" and key in "1234567":
            return self._text("weekday").split(",")[int(key) - 1]
        if dimension == "hour":
            return self._text("hour", n=int(key)) if key.isdigit() else key
        if dimension == "activity":
            return text(f"activity.{key}", self._locale)
        if dimension == "channel":
            return text(f"channel.{key}", self._locale).removeprefix("channel.")
        return self._text("unknown") if key == "unknown" else key

    def _dimension(self, name: str | None) -> str:
        return text(f"dimension.{name}", self._locale)

    def _days(self, days: Days) -> str:
        if days.start == days.end:
            return self._text("now" if days.end == self._today else "day", start=days.start)
        return self._text("span", start=days.start, end=days.end)

    def _definition(self, metric: Metric) -> str:
        return self._text("definition", metric=name(metric, self._locale), definition=definition(metric, self._locale))

    def _lacking(self, metric: str) -> str:
        one = Metric(metric)
        return self._text("unavailable", metric=name(one, self._locale), definition=definition(one, self._locale))

    def _metrics(self, calls: Sequence[Call]) -> list[str]:
        return list(dict.fromkeys(one.metric for call in calls if call.answer for one in call.answer.figures))

    def _join(self, words: Any) -> str:
        return self._text("join").join(words)


def _days(figure: Figure) -> Days:
    return Days(start=figure.period.start, end=figure.period.end)


def compact(value: float | int) -> str:
    """A number as it is said: no more than one decimal, none where it would be 0."""
    return str(value) if isinstance(value, int) else f"{value:.1f}".removesuffix(".0")
