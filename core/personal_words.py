"""Personal data that a word beside it, or its form, makes known: contacts, orders, parcels, documents, plates, e-mail.

Every pattern matches the normalised text (lower case, half-width, Arabic digits) and names its secret `value`.
Quantifiers are bounded or possessive, so that the work stays linear in the text.
"""

import re
from collections.abc import Callable, Iterator

_LINK = "[ :;,.=#>/|~_丶()\"'“”「」【】《》是为就→-]{0,4}"
_SAID = f"{_LINK}(?:(?:我的|发你了?|给你|如下|在这){_LINK})?"
_NO_COUNT = "(?![0-9]|xx| ?(?:元|块|个|人|万|币|位|次|分|积分|年|月|只|条|件|名|平|米|%|\\(?群))"

_APP = (
    "(?:[微威薇维徽围葳魏v][ .·*+/-]{0,2}[信心芯]|wei ?信|加卫星|卫星(?=号)|绿泡泡|绿色(?:软件|app)"
    "|[vw薇威微徽维][❤♥♡x]"
    "|(?<![a-z])(?:[vw][ .+-]?x|wei ?xin|wechat|vv?(?=[ :,、丶/|]))"
    "|[加佳嘉十+➕] ?[我个]?(?:v(?!ip)|[薇微威徽维](?!信)))"
)
_APP_ID = "(?: ?号码?| ?id)"
_VERB = "(?:(?:搜索?|叫|名字|联系|加|找|换成|改成)[ :]?)?"
# What ends in a dot and letters is an address of the web, but for names of files.
_FILE = "(?:jpe?g|png|gif|webp|bmp|heic|pdf|docx?|xlsx?|pptx?|csv|txt|zip|rar|mp[34]|m4a|amr|wav|mov)(?![a-z0-9])"
_NICK = f"[a-z][a-z0-9_-]{{5,19}}(?![a-z0-9_@-]|\\.(?!{_FILE})[a-z])"
_WITH_DIGIT = "(?=[a-z_-]{1,19}[0-9])"
# Typed so that no filter sees it: a b c 1 2 3, abc 123 456, zhao.li.88.
_APART = (
    "[a-z](?: [a-z0-9]){5,19}(?![a-z0-9])"
    "|[a-z]{2,10}(?: [0-9]{2,4}){2,3}(?![a-z0-9])"
    "|(?=[a-z.]{3,30}[0-9])[a-z]{2,12}(?:\\.[a-z0-9]{1,12}){1,3}(?![a-z0-9.])"
)
_NO_NICK = re.compile(
    "https?|www|iphone|ipad|android|windows|macbook|huawei|xiaomi|wechat|official|program|please|qq:?[0-9]"
)

_QQ = (
    "(?:(?<!群)(?<![a-z])q[ _.-]?q|(?<!群)(?:[扣抠蔻叩] ?[扣抠蔻叩]|[球秋] ?[球秋]|企[鹅额]|qiu ?qiu|kou ?kou)"
    "|(?<![a-z0-9])q(?= ?[号:「【→/])|q我|(?:我的?|[加➕+] ?)q)(?: ?号码?)?"
)
_QQ_BARE = "(?:(?<![a-z0-9])q|扣) ?(?P<value>[1-9][0-9]{6,9})"
_QQ_APART = "[1-9](?: [0-9]){4,10}|[1-9][0-9]{2}(?:[ -][0-9]{3,4}){1,3}(?:[ -][0-9]{1,2})?"
_QQ_NO = f"(?P<value>[1-9][0-9]{{4,10}}|{_QQ_APART})"

_S = "[ .-]?"
_ONE_BY_ONE = "[a-z0-9](?: [a-z0-9]){9,23}"
_CODE = (
    "(?:[a-z0-9]{10,24}|[0-9]{6,8}[ -][0-9]{6,12}|[0-9]{4}(?:[ -][0-9]{3,7}){2,5}(?:[ -][0-9]{1,2})?"
    "|[a-z0-9]{2,20}(?:-[a-z0-9]{2,20}){1,3}"
    f"|[a-z]{{2,4}} (?:[0-9]{{9,20}}|[0-9]{{4,5}}(?: [0-9]{{3,5}}){{1,4}})|{_ONE_BY_ONE})(?![a-z0-9])"
)
_CARRIER = (
    "(?:顺丰|中通|圆通|申通|韵达|极兔|德邦|百世|邮政"
    "|(?<![a-z])ems|京东(?=快递|物流|单)|菜鸟|丹鸟|天天|安能|跨越|快递|包裹|运单)"
    "(?:快递|速递|速运|物流|快运|包裹)?(?:单号|运单号?|编号|号)?"
)
_PARCEL = (
    "(?:[0-9]{12,15}|[0-9]{4}(?:[ -][0-9]{3,7}){2,4}|[0-9](?: [0-9]){11,14}|[a-z]{2,4}[ :-]{0,2}[0-9]{9,15}(?:cn)?)"
    "(?![a-z0-9])"
)

_HOSTS = "(?:qq|163|126|139|189|gmail|outlook|hotmail|foxmail|sina|sohu|icloud|yeah|aliyun|live|yahoo|msn)"
_DOT = "(?:\\.| ?(?:[。点]|dot|[(\\[]dot[)\\]]| \\.) ?)"
_AT = "(?: ?(?:艾特|圈a|[(\\[{【「]at[)\\]}】」]|[#@]) ?| at )"
_OTHER_DOT = "(?: ?点 ?|[(\\[{【「]dot[)\\]}】」]| dot )"

_PROVINCES = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"
_LETTER, _SIGN = "[a-hj-np-z]", "[a-hj-np-z0-9]"
_GAP, _LAST = "[ .·•●・‧*-]", "挂学警港澳领使"
_PLATE_END = (
    "(?=(?:[a-z]{0,3}[0-9]){2})"
    + f"(?:{_SIGN}{{4}}[a-hj-np-z0-9{_LAST}]|{_LETTER}{_SIGN}[0-9]{{4}}|[0-9]{{5}}{_LETTER})"
)
_PLATE_TAIL = re.compile(_PLATE_END)

_PATTERNS = (
    ("email", r"(?<![a-z0-9._%+-])(?P<value>[a-z0-9._%+-]++@(?:[a-z0-9-]{1,63}\.){1,4}[a-z]{2,24})(?![a-z0-9])"),
    (
        "email",
        f"(?<![a-z0-9._%+-])(?P<value>[a-z0-9._%+-]{{1,64}}+{_AT}(?:vip{_DOT})?{_HOSTS}{_DOT}(?:c[o0]m|cn|net))(?![a-z0-9])",
    ),
    (
        "email",
        f"(?<![a-z0-9._%+-])(?P<value>[a-z0-9._%+-]{{1,64}}+{_AT}[a-z0-9-]{{2,40}}{_OTHER_DOT}(?:com|cn|net|org))(?![a-z0-9])",
    ),
    ("wechat_id", f"{_APP}(?:{_APP_ID}{_LINK}| ?[:=是为]{_LINK})(?P<value>{_NICK})"),
    ("wechat_id", "(?<![a-z0-9_])(?P<value>wxid_[a-z0-9]{10,20})(?![a-z0-9])"),
)
"""What may be without a digit."""
_WITH_DIGITS = (
    ("wechat_id", f"{_APP}{_APP_ID}?{_LINK}(?P<value>[1-9][0-9]{{5,10}}){_NO_COUNT}"),
    ("wechat_id", f"(?:{_APP}|加我(?:好友|吧|呀|哦)?){_LINK}{_VERB}{_WITH_DIGIT}(?P<value>{_NICK})"),
    ("wechat_id", f"{_APP}(?:{_APP_ID}|(?= ?:)){_LINK}(?P<value>{_APART})"),
    (
        "plate",
        f"(?P<value>[{_PROVINCES}](?:{_LETTER}{_GAP}{{0,2}}{_PLATE_END}| {_LETTER} ?{_PLATE_END}"
        f"|{_GAP}{{0,3}}{_LETTER}(?:{_GAP}{{1,3}}[a-hj-np-z0-9{_LAST}]){{5,6}}))(?![a-z0-9])",
    ),
    ("plate", f"车牌(?:号码?)?{_LINK}(?P<value>[{_PROVINCES}]{_GAP}?{_LETTER}(?:{_GAP}?{_SIGN}){{5,6}})(?![a-z0-9])"),
    (
        "passport",
        "(?:护照|hu ?照|passport|通行证|台胞证|回乡证)[^。!?\n0-9]{0,8}?"
        "(?<![a-z])(?P<value>[a-z] ?[a-z]?(?:[ -]?[0-9]){7,8})(?![a-z0-9])",
    ),
    ("qq", f"{_QQ}{_LINK}{_QQ_NO}{_NO_COUNT}"),
    ("qq", f"{_QQ_BARE}{_NO_COUNT}"),
    ("qq", f"加我(?:好友|吧|呀|哦)?{_LINK}(?P<value>[1-9][0-9]{{5,10}}){_NO_COUNT}"),
    (
        "landline",
        "(?:座机|固话|传真|家里电话|单位电话|宅电)(?:号码?)?[ :是]{0,3}"
        "(?P<value>[2-8][0-9]{2,3}[ -]?[0-9]{4})(?![0-9])",
    ),
    (
        "phone",
        "(?<![0-9])(?P<value>(?:\\+|00)(?:852[ -]?[4-9][0-9]{3}|853[ -]?6[0-9]{3}|886[ -]?9[0-9]{2}[ -]?[0-9]{3})"
        "[ -]?(?:[0-9]{4}|(?<=[0-9]{3}[ -])[0-9]{3}))(?![0-9])",
    ),
    (
        "tracking_no",
        f"(?:快{_S}递|运{_S}单|物{_S}流|包裹|邮件){_S}(?:编号|单{_S}号|号码|单|号){_SAID}(?P<value>{_CODE})",
    ),
    ("tracking_no", f"{_CARRIER}{_LINK}(?P<value>{_PARCEL})"),
    (
        "tracking_no",
        "(?<![a-z0-9])(?P<value>(?:sf|yt|jt|jd|sto|zto|dpk)[a-z]{0,3}[ -]?[0-9](?:[ -]?[0-9]){10,14})(?![a-z0-9])",
    ),
    ("tracking_no", "(?<![a-z0-9])(?P<value>[celrv][a-z][0-9]{9}(?:cn|hk|tw|us|jp))(?![a-z0-9])"),
    (
        "order_no",
        f"(?:(?:[订定]{_S}单|ding ?单)(?:{_S}(?:编号|号码|号))?|单{_S}号|(?<![a-z])order(?: ?(?:no|id|number))?)"
        f"{_SAID}(?P<value>{_CODE})",
    ),
)
_ORDER_BEFORE, _NUMBER_BEFORE = re.compile("[订定]单|order"), re.compile("(?<![订定递运流])单号")
_ANY = tuple((kind, re.compile(pattern)) for kind, pattern in _PATTERNS)
_ONLY_WITH_DIGITS = tuple((kind, re.compile(pattern)) for kind, pattern in _WITH_DIGITS)
_DIGIT = re.compile("[0-9]")


def find_by_words(text: str) -> Iterator[tuple[str, int, int]]:
    """(kind, start, end), half-open; they may overlap."""
    digits = _DIGIT.search(text) is not None
    for kind, pattern in (*_ANY, *_ONLY_WITH_DIGITS) if digits else _ANY:
        for match in pattern.finditer(text):
            if kind not in _MEANT or _MEANT[kind](match):
                yield kind, *match.span("value")


def _is_nick(match: re.Match[str]) -> bool:
    value = match["value"]
    return _NO_NICK.match(value) is None and len(set(value)) > 1  # xxxxxx is somebody else's mask


def _is_code(match: re.Match[str]) -> bool:
    value = match["value"]
    return sum(map(str.isdigit, value)) >= 6 and 10 <= sum(map(str.isalnum, value)) <= 24


def _is_parcel(match: re.Match[str]) -> bool:
    # A shop writes its orders jd-2026…, its parcels jd2026…; who says order means one.
    before = match.string[max(0, match.start("value") - 12) : match.start("value")]
    shops = "jd-" if _NUMBER_BEFORE.search(before) else "jd" if _ORDER_BEFORE.search(before) else None
    return _is_code(match) and not (shops and match["value"].startswith(shops))


def _is_plate(match: re.Match[str]) -> bool:
    return _PLATE_TAIL.fullmatch("".join(filter(str.isalnum, match["value"]))[2:]) is not None


_MEANT: dict[str, Callable[[re.Match[str]], bool]] = {
    "wechat_id": _is_nick,
    "order_no": _is_code,
    "tracking_no": _is_parcel,
    "plate": _is_plate,
}
