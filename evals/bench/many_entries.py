"""Knowledge of any size for measurements: made of parts by number, the same in every run. A shop with many products,
each with the same questions, is the hard case: all entries of a product, and all of a question, are alike."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from core.vocabulary import Audience, EntryKind
from knowledge.entries import Entry


class _Asked(NamedTuple):
    """What is asked about a product. `ways` holds the title and four phrasings; `others` is how members say it."""

    ways: tuple[str, ...]
    answer: str
    others: tuple[str, ...]


_LOOKS: Final = "云朵 松果 星河 麦穗 青柠 月白 山茶 暖阳 深海 竹影 奶油 雪松 琥珀 雾蓝 豆沙 薄荷 枫糖 樱草 石榴 鹿鸣"
_MADE_OF: Final = "棉麻 羊毛 真丝 硅胶 陶瓷 实木 不锈钢 玻璃 牛皮 帆布"
_THINGS: Final = "被套 水杯 背包 台灯 雨伞"
_ASKED: Final = (
    _Asked(
        ("{p}包邮吗", "{p}运费多少", "买{p}要付邮费吗", "{p}满多少免运费", "{p}寄到新疆加钱吗"),
        "{p}满 {n} 元包邮，不满收 {m} 元运费；新疆、西藏另加 {k} 元。",
        ("想买{p}，快递费谁出呀", "{p}发过来还要另外给钱不"),
    ),
    _Asked(
        ("{p}几天发货", "{p}什么时候能发出", "{p}下单多久寄", "{p}今天拍今天发吗", "{p}预售多久"),
        "{p}付款后 {k} 天内从 {c} 仓发出，节假日顺延，发出后会有短信。",
        ("拍了{p}怎么还没动静", "{p}急用，赶得上周末吗"),
    ),
    _Asked(
        ("{p}能退吗", "{p}怎么退货", "{p}不喜欢可以退掉吗", "{p}拆了还能退吗", "退{p}要自己出邮费吗"),
        "{p}签收 {k} 天内不影响再次销售可以退，在订单页点“申请售后”，审核后 {m} 小时内给地址。",
        ("{p}买错了咋整", "家里人不让留{p}，能还回去不"),
    ),
    _Asked(
        ("{p}保修多久", "{p}坏了怎么修", "{p}质保期几年", "{p}有保修卡吗", "{p}过保了能修吗"),
        "{p}保修 {m} 个月，凭订单号寄到 {c} 维修点，人为损坏收材料费 {n} 元。",
        ("{p}用了一阵子不灵了找谁", "{p}裂了一道口子还管不管"),
    ),
    _Asked(
        ("{p}有多大", "{p}尺寸是多少", "{p}怎么选大小", "{p}有几个尺码", "{p}小号多高的人用"),
        "{p}有 S、M、L 三种，M 长 {n} 厘米、宽 {m} 厘米，误差在 {k} 厘米以内。",
        ("我一米六五拿{p}哪个合适", "{p}放得进抽屉不"),
    ),
    _Asked(
        ("{p}怎么清洗", "{p}能机洗吗", "{p}可以用洗衣机洗吗", "{p}脏了怎么办", "{p}能用热水洗吗"),
        "{p}用 {k}0 度以下的水手洗，不要漂白，洗后在阴凉处晾 {m} 小时。",
        ("{p}沾了酱油弄不掉", "{p}丢滚筒里转一圈行不行"),
    ),
    _Asked(
        ("{p}有优惠吗", "{p}怎么领券", "{p}打几折", "{p}会员价多少", "{p}能再便宜点吗"),
        "{p}会员领券减 {m} 元，两件再打 {k} 折，券在“我的—优惠券”里，{n} 天内有效。",
        ("{p}啥时候搞活动啊", "老顾客拿{p}给个实在价"),
    ),
    _Asked(
        ("{p}能开发票吗", "{p}发票怎么开", "{p}可以开专票吗", "{p}发票多久到", "{p}发票抬头怎么改"),
        "{p}收货后在订单页点“开票”，电子发票 {k} 小时内发到邮箱，专票另寄，{m} 天到。",
        ("{p}公司要报账的那个单子", "{p}抬头写错能换一张不"),
    ),
    _Asked(
        ("{p}还有货吗", "{p}缺货了吗", "{p}什么时候补货", "{p}断货多久", "{p}能预约吗"),
        "{p}在 {c} 仓现有 {n} 件，卖完后约 {m} 天补货，可以在页面点“到货提醒”。",
        ("{p}点不了购买咋回事", "{p}一直灰的是没了吗"),
    ),
    _Asked(
        ("{p}能自提吗", "{p}在哪里自提", "{p}自提点几点关门", "{p}自提要带什么", "{p}可以别人代取吗"),
        "{p}可到 {c} 自提点取，每天 9 点到 {k} 点半，出示取货码 {n}{m}，别人代取把码给他就行。",
        ("{p}我下班顺路去拿行吗", "{p}让我妈去领可以不"),
    ),
    _Asked(
        ("{p}怎么改地址", "{p}地址填错了怎么办", "{p}发货后能改地址吗", "{p}能换收货人吗", "{p}电话写错了怎么改"),
        "{p}发出前在订单页改地址；发出后打 {c} 快递的电话改，改一次收 {k} 元，{m} 小时内生效。",
        ("{p}寄到老房子去了", "{p}我人不在家换个地方收"),
    ),
    _Asked(
        ("{p}是正品吗", "{p}有检测报告吗", "{p}怎么查真假", "{p}产地是哪里", "{p}有合格证吗"),
        "{p}由 {c} 工厂生产，扫包装上的码可查批号 {n}-{m}，检测报告在详情页第 {k} 张图。",
        ("{p}不会是山寨的吧", "{p}拿什么证明不是假的"),
    ),
    _Asked(
        ("{p}适合送人吗", "{p}有礼盒吗", "{p}能写贺卡吗", "{p}礼盒多少钱", "{p}可以代寄不留价签吗"),
        "{p}加 {m} 元换礼盒，备注里写贺卡的话，最多 {n} 字，代寄不放价签，提前 {k} 天下单。",
        ("{p}给婆婆过生日拿得出手不", "{p}直接寄给朋友别让她看到价钱"),
    ),
    _Asked(
        ("{p}孩子能用吗", "{p}几岁可以用", "{p}有小零件吗", "{p}宝宝会过敏吗", "{p}安全吗"),
        "{p}建议 {k} 岁以上用，三岁以下要大人看着，材料过了 {n} 项检测，编号 {c}{m}。",
        ("{p}我家娃老往嘴里放", "{p}小家伙碰了起疹子"),
    ),
    _Asked(
        ("{p}怎么安装", "{p}有安装教程吗", "{p}要工具吗", "{p}可以上门装吗", "{p}装不上怎么办"),
        "{p}说明书第 {k} 页有图，{m} 分钟能装好；{c} 市内可上门，一次 {n} 元。",
        ("{p}那根杆子插不进去", "{p}一个女生弄得来吗"),
    ),
    _Asked(
        ("{p}少发了怎么办", "{p}收到是坏的", "{p}发错颜色了", "{p}包裹破了怎么办", "{p}缺配件"),
        "{p}签收 {m} 小时内拍照发给客服，核对后 {k} 天内从 {c} 补发，或退 {n} 元。",
        ("{p}打开一看不是我要的那款", "{p}盒子压扁了里面也碎了"),
    ),
    _Asked(
        ("{p}团购怎么参加", "{p}几人成团", "{p}拼团没成怎么办", "{p}团长有佣金吗", "{p}团购价多少"),
        "{p}{k} 人成团，{m} 小时内没满自动退款，团长返 {n} 个积分，{c} 站点统一发货。",
        ("{p}差一个人谁来", "{p}上次那个一起买的还开吗"),
    ),
    _Asked(
        ("{p}能用积分换吗", "{p}要多少积分", "{p}积分换了能退吗", "{p}积分不够怎么办", "{p}买了返多少积分"),
        "{p}用 {n}00 积分换，差的按 {m} 积分一元补，换了 {k} 天内可退回积分。",
        ("{p}我攒的分够拿不", "{p}那些点数能顶钱用吗"),
    ),
    _Asked(
        ("{p}试用怎么申请", "{p}有试用装吗", "{p}试用要还吗", "{p}试用名单哪天出", "{p}试用要写评价吗"),
        "{p}每月 {k} 号开放 {n} 个试用名额，名单 {m} 天后在 {c} 群里公布，用完写一篇评价，不用还。",
        ("{p}先用用看再说可以么", "{p}白给的那批轮到我没"),
    ),
    _Asked(
        ("{p}和旧款有什么区别", "{p}新款改了什么", "{p}旧款还卖吗", "{p}配件通用吗", "{p}值得换新款吗"),
        "{p}新款轻了 {n} 克，多了 {k} 种颜色，配件和 {c} 版通用；旧款打 {m} 折清完为止。",
        ("{p}去年那个跟今年的差在哪", "{p}手上老的还能凑合不"),
    ),
)
MOST: Final = 20_000
_SYLLABLES: Final = "安柏辰岱恩枫岗禾嘉凯岚茂宁欧璞岐瑞杉棠梧"
_OPENINGS: Final = ("", "请问", "在吗，", "群主，", "想问下", "姐妹们，")


def entries(count: int) -> Iterator[Entry]:
    """The first `count` of `MOST` FAQ entries, each with title, four phrasings and an answer: 7 passages."""
    for number in range(count):
        asked, product = _parts(number)
        ways = [way.format(p=product) for way in asked.ways]
        yield Entry(
            id=f"many-{number:05}",
            version=1,
            kind=EntryKind.FAQ,
            title=ways[0],
            phrasings=tuple(ways[1:]),
            answer=_answer(asked.answer, product, number),
            scene=None,
            variables=(),
            audience=Audience.ALL,
            tone=None,
            community_id=None,
            valid_from=None,
            valid_until=None,
        )


def questions(count: int, entries: int) -> list[tuple[str, str]]:
    """`count` distinct questions about the first `entries`, with the id of the entry that answers; none is a phrasing.
    Past what there are to ask it begins again with other openings. Dates nothing: the same in every run."""
    found: dict[str, str] = {}
    number = 0
    while len(found) < count:
        # 7,919 is prime: it walks over all entries before it comes back.
        at = number * 7_919 % entries
        asked, product = _parts(at)
        turn = number // entries
        opening = _OPENINGS[(number + turn) % len(_OPENINGS)]
        other = asked.others[(number // 2 + turn) % len(asked.others)]
        found[opening + other.format(p=product) + "？" * (turn // 12)] = f"many-{at:05}"
        number += 1
    return list(found.items())


def _parts(number: int) -> tuple[_Asked, str]:
    things, made_of, looks = _THINGS.split(), _MADE_OF.split(), _LOOKS.split()
    product = number // len(_ASKED)
    name = looks[product % 20] + made_of[product // 20 % 10] + things[product // 200 % 5]
    return _ASKED[number % len(_ASKED)], f"{name}{_code(product)}"


def _answer(text: str, product: str, number: int) -> str:
    city = _SYLLABLES[number % 20] + _SYLLABLES[number // 20 % 20]
    return text.format(p=product, n=50 + number % 450, m=2 + number % 47, k=1 + number % 9, c=city)


def _code(product: int) -> str:
    """Empty for the first: most products have no model."""
    return f"{'ABCDEFG'[product % 7]}{100 + product}" if product % 4 == 3 else ""
