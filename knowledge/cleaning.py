"""Cleans what was copied from elsewhere: wrong encodings, HTML, lines of a page's frame, characters nobody sees.

What a cleaning changes is always told. Traditional characters stay as written: the search reads both.
"""

import html
import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from knowledge.encodings import repaired
from knowledge.raw_entries import Change, Cleaned

MOST_SHOWN: Final = 60
_TAGS: Final = (
    "a|abbr|address|article|aside|b|big|blockquote|body|br|button|center|cite|code|col|colgroup|dd|del|div|dl|dt|em|"
    "figcaption|figure|font|footer|form|h[1-6]|head|header|hr|html|i|iframe|img|input|ins|label|li|link|main|mark|"
    "meta|nav|noscript|ol|o:p|p|pre|q|s|section|small|span|strike|strong|sub|sup|table|tbody|td|tfoot|th|thead|title|"
    "tr|tt|u|ul|video|wbr"
)
_UNSEEN_BLOCKS: Final = (
    (re.compile(r"<!--"), re.compile(r"-->")),
    (re.compile(r"<script\b", re.IGNORECASE), re.compile(r"</script\s*>", re.IGNORECASE)),
    (re.compile(r"<style\b", re.IGNORECASE), re.compile(r"</style\s*>", re.IGNORECASE)),
)
_LINK: Final = re.compile(r"<a\b[^<>]*?\bhref\s*=\s*[\"']?(https?://[^\"'\s<>]+)[^<>]*>([^<>]*)</a\s*>", re.IGNORECASE)
_BREAK: Final = re.compile(r"<br\s*/?>|</(?:p|div|li|tr|h[1-6]|dd|dt|blockquote|section)\s*>", re.IGNORECASE)
_TAG: Final = re.compile(rf"</?(?:{_TAGS})(?:\s[^<>]*)?/?>", re.IGNORECASE)
_ENTITY: Final = re.compile(r"&(?:[A-Za-z][A-Za-z0-9]{1,30}|#\d{1,7}|#[xX][0-9A-Fa-f]{1,6});")

# Invisible and without meaning in Chinese text: zero width, directions, byte order mark, soft hyphen.
_INVISIBLE: Final = re.compile(
    "[\u00ad\u061c\u180e\u200b\u200c\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]"
)
_CONTROL: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_SPACES: Final = re.compile("[\u00a0\u2000-\u200a\u202f\u205f]")
_JOINER: Final = "\u200d"
_FULL_WIDTH: Final = re.compile("[０-９Ａ-Ｚａ-ｚ]+")
_BLANK_LINES: Final = re.compile(r"\n[ \t\u3000]*(?:\n[ \t\u3000]*){2,}")

# Each alone is a line of a page's frame; those of the second group may be a step of an answer, unless several share
# a line.
_FRAME_ONLY: Final = (
    "上一页|下一页|上一篇|下一篇|返回顶部|回到顶部|返回列表|返回首页|关闭窗口|打印本页|收藏本页|分享到|网站地图|友情链接|"
    "点击阅读原文|阅读原文|查看原文|阅读全文"
)
_NAVIGATION: Final = (
    f"{_FRAME_ONLY}|首页|主页|末页|尾页|打印|收藏|分享|转发|在看|点赞|评论|举报|登录|注册|关于我们|联系我们|免责声明|隐私政策|用户协议|"
    "帮助中心|更多|微信|微博|朋友圈|QQ空间|QQ|新浪微博"
)
_BETWEEN: Final = r"[>»|｜·•\-/\s]*"
_LIKES: Final = "点赞|在看|转发|收藏|分享|关注|一键三连"
_LONGEST_FRAME: Final = 120
# Anywhere in a text: lines that are nothing but a page's frame.
_FRAME: Final = re.compile(
    rf"{_BETWEEN}(?:{_FRAME_ONLY})[：:]?{_BETWEEN}"
    rf"|{_BETWEEN}(?:{_NAVIGATION})(?:[：:]?{_BETWEEN}(?:{_NAVIGATION}))+{_BETWEEN}"
    r"|(?:copyright|©|ⓒ|\(c\)|版权所有|著作权所有).{0,60}"
    r"|.{0,30}(?:版权所有|all rights reserved)[.。!！\s]*(?:.{0,20}备\s*\d+号.{0,10})?"
    r"|.{0,10}[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼]\s*(?:icp|公网安)\s*备\s*\d+\s*号.{0,10}"
    r"|[（(【\[]?\s*(?:责任编辑|责编|本文编辑|排版|美编)\s*[：:].{0,20}"
    r"|(?:阅读|浏览|点击)(?:量|次数|数)?\s*[：:]?\s*\d[\d,.+万]*\s*(?:次)?"
    r"|[-—–\s]*第\s*\d+\s*页\s*(?:[,，/]?\s*共\s*\d+\s*页)?[-—–\s]*"
    r"|本文(?:转载|来源|来自)(?:于|自)?\s*[：:].{0,40}",
    re.IGNORECASE,
)
# Only as the first or last line: in the middle "扫码关注" may be a step of the answer.
_MARGIN: Final = re.compile(
    r".{0,6}(?:长按|扫描|扫码|识别|点击|戳)(?:下方|上方|下图|图中|左下角|右下角|文末)?(?:蓝字|二维码|名片|卡片|识别|关注|这里|下面|上面|的|，|,|并|、)*"
    r"(?:关注|加入|订阅)(?:我们|本号|本?公众号|.{0,10}公众号)?[！!。.~～↓↑👇👆\s]*"
    rf"|(?:{_LIKES})(?:(?:、|和|，|加|\+|\s|给我们|一下|哦|吧)*(?:{_LIKES}))+(?:哦|吧|支持|一下)*[！!。.~～\s]*"
)


class Cleaning(NamedTuple):
    """A change, where it stands, and whether it was made or only found."""

    row: int
    line: int | None
    field: str
    kind: Cleaned
    before: str
    after: str
    applied: bool


def clean(text: str) -> tuple[str, list[Change]]:
    """The cleaned text, and what was done, each kind once. Clean text comes back as it was; nothing else ever does
    where cleaning leaves nothing over."""
    found: list[Change] = []
    for kind, step in _STEPS.items():
        after = step(text)
        if after != text and after.strip():
            found.append(Change(kind, *_excerpts(text, after)))
            text = after
    return text, found


def clean_fields(fields: Mapping[str, Any]) -> tuple[dict[str, Any], list[tuple[str, Change]]]:
    """`fields` with every text, and every text in a list, cleaned; and the changes with the names of their fields."""
    changes: list[tuple[str, Change]] = []

    def cleaned(name: str, value: Any) -> Any:
        if isinstance(value, list):
            return [cleaned(name, one) for one in value]
        if not isinstance(value, str):
            return value
        text, found = clean(value)
        changes.extend((name, change) for change in found)
        return text

    return {name: cleaned(name, value) for name, value in fields.items()}, changes


def _without_html(text: str) -> str:
    if "<" in text:
        for opening, closing in _UNSEEN_BLOCKS:
            text = _without_blocks(text, opening, closing)
        text = _LINK.sub(lambda found: found[2] if found[1] in found[2] else f"{found[2]}（{found[1]}）", text)
        text = _TAG.sub("", _BREAK.sub("\n", text))
    return _ENTITY.sub(lambda found: html.unescape(found[0]), text) if "&" in text else text


def _without_blocks(text: str, opening: re.Pattern[str], closing: re.Pattern[str]) -> str:
    """Not one pattern for both: a page of openings that nothing closes would be searched to its end for each."""
    kept, at = [], 0
    while (start := opening.search(text, at)) and (end := closing.search(text, start.end())):
        kept.append(text[at : start.start()])
        at = end.end()
    return "".join([*kept, text[at:]])


def _without_frame(text: str) -> str:
    lines = [line for line in text.split("\n") if not _is(_FRAME, line)]
    for at in (0, -1):
        while lines and (not lines[at].strip() or _is(_MARGIN, lines[at])):
            lines.pop(at)
    found = "\n".join(lines)
    return text if found == text.strip() else found


def _is(frame: re.Pattern[str], line: str) -> bool:
    line = line.strip()
    return 0 < len(line) <= _LONGEST_FRAME and frame.fullmatch(line) is not None


def _visible(text: str) -> str:
    text = _CONTROL.sub("", _SPACES.sub(" ", _INVISIBLE.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))))
    return _without_loose_joiners(text) if _JOINER in text else text


def _without_loose_joiners(text: str) -> str:
    """A joiner holds emoji together; anywhere else it only hides."""
    return "".join(
        char
        for at, char in enumerate(text)
        if char != _JOINER or (_is_emoji(text[max(at - 1, 0)]) and _is_emoji(text[min(at + 1, len(text) - 1)]))
    )


def _is_emoji(char: str) -> bool:
    return unicodedata.category(char) in ("So", "Sk", "Mn") or char == "\ufe0f"


def _half_width(text: str) -> str:
    return _FULL_WIDTH.sub(lambda found: unicodedata.normalize("NFKC", found[0]), text)


def _fewer_blank_lines(text: str) -> str:
    return _BLANK_LINES.sub("\n\n", text)


_STEPS: Final[Mapping[Cleaned, Callable[[str], str]]] = {
    "encoding": repaired,
    "html": _without_html,
    "invisible": _visible,
    "page_frame": _without_frame,
    "full_width": _half_width,
    "blank_lines": _fewer_blank_lines,
}


def _excerpts(before: str, after: str) -> tuple[str, str]:
    """The first place where the two differ, with a few characters around it."""
    pairs = zip(before, after, strict=False)
    same = next((at for at, (one, other) in enumerate(pairs) if one != other), min(len(before), len(after)))
    start = max(0, same - 10)
    return before[start : start + MOST_SHOWN], after[start : start + MOST_SHOWN]
