"""What commands say besides data: Chinese, or English where the terminal's locale is English."""

import os
from functools import cache

_WORDS = {
    # waiting and progress
    "asking": ("正在处理", "working"),
    "opening": ("正在打开数据目录 {path}", "opening the data folder {path}"),
    "waiting_for_lock": ("另一个命令正在使用数据目录，等它结束", "another command uses the data folder, waiting"),
    "indexing": ("向量索引", "vector index"),
    "laying_demo": ("正在铺设演示社群", "laying down the demo community"),
    "rebuilding": ("正在重建向量索引", "building the vector index anew"),
    "reading": ("读取", "reading"),
    "sending": ("导入", "importing"),
    "thinking": ("等待结果（最多 {seconds} 秒）", "waiting for the result (at most {seconds} s)"),
    "broken_index_discarded": ("向量索引已损坏，从头重建", "the vector index is damaged and is built from nothing"),
    # serve, worker
    "stopped": ("已停止", "stopped"),
    "worker_ready": (
        "工作进程就绪（{threads} 个线程），Ctrl-C 停止",
        "worker ready ({threads} threads), Ctrl-C stops it",
    ),
    "running_at": (
        "服务 {url}（进程 {pid}）正在使用这个数据目录，请直接用它，或先停止它",
        "the service {url} (process {pid}) uses this data folder: use it, or stop it first",
    ),
    "migrated": ("数据库结构是最新的：{revision}", "the database's schema is current: {revision}"),
    # backup, restore
    "saving": ("备份，行", "backup, rows"),
    "checking": ("校验备份 {file}", "checking the backup {file}"),
    "loading": ("恢复，行", "restore, rows"),
    "saved": (
        "已备份到 {file}：{rows} 行，结构 {revision}。密钥不在备份里：QUNZHU_SECRET_KEY（或 secret.key）请另行保管",
        "wrote {file}: {rows} rows, schema {revision}. The secret is not in it: keep QUNZHU_SECRET_KEY (or secret.key)"
        " apart",
    ),
    "restored": ("已恢复：{rows} 行，结构 {revision}", "restored: {rows} rows, schema {revision}"),
    "questioned": (
        "{count} 条发送在备份时还没有结果，可能已经发出：已标为 unknown，请逐条说明（qunzhu deliveries）",
        "{count} deliveries were under way at the backup and may have gone out: they are unknown now, say what became"
        " of them (qunzhu deliveries)",
    ),
    "requeued": ("重新处理 {count} 条消息", "{count} messages are handled again"),
    # results
    "none": ("（没有）", "(none)"),
    "more": ("还有更多：加大 --limit", "there are more: raise --limit"),
    "demo_done": ("演示社群就绪：{entries} 条知识可检索", "the demo is ready: {entries} entries are searchable"),
    "demo_key": ("演示机器人密钥在 {path}", "the demo bot's key is in {path}"),
    "key_once": ("密钥只显示这一次，请立即保存", "the key is shown this once: keep it now"),
    "secret_once": ("签名密钥只显示这一次，请立即保存", "the secret is shown this once: keep it now"),
    "revoked": ("已作废 {id}", "revoked {id}"),
    "removed": ("已移除 {id}", "removed {id}"),
    "user_made": ("已建用户 {login}（{id}）", "made the user {login} ({id})"),
    "link": ("一次性登录链接（24 小时内有效）：", "one-time sign-in link (valid 24 h):"),
    "community_made": ("已建社群 {id}", "made the community {id}"),
    "setting_set": ("{key} = {value}（版本 {version}）", "{key} = {value} (version {version})"),
    "decided": ("草稿 {id}：{status}，版本 {version}", "draft {id}: {status}, version {version}"),
    "campaign": ("活动 {id}：{status}，版本 {version}", "campaign {id}: {status}, version {version}"),
    "groups_of": ("发 {treated} 人，对照 {control} 人", "{treated} written to, {control} in the control group"),
    "delivery": ("发送 {id}", "delivery {id}"),
    "delivery_state": ("发送 {id}：{state}", "delivery {id}: {state}"),
    "reindexed": (
        "索引已重建：新增 {added}，更新 {changed}，移除 {removed}，未变 {kept}",
        "index built: {added} added, {changed} changed, {removed} removed, {kept} kept",
    ),
    "imported": (
        "新增 {added}，更新 {changed}，未变 {unchanged}",
        "{added} added, {changed} changed, {unchanged} unchanged",
    ),
    "would_import": (
        "试运行，没有写入。将新增 {added}，更新 {changed}，未变 {unchanged}",
        "dry run, nothing stored. Would be {added} added, {changed} changed, {unchanged} unchanged",
    ),
    "exported": ("已导出 {entries} 条到 {file}", "wrote {entries} entries to {file}"),
    "ingested": ("收下 {added} 条，已有 {known} 条", "{added} taken, {known} known already"),
    "bad_rows": ("{count} 行有错", "{count} rows are wrong"),
    "audit_whole": ("操作记录完整：{rows} 条", "the audit is whole: {rows} rows"),
    "audit_broken": (
        "操作记录在第 {broken_at} 条断裂（{why}）：请保留现场，对照备份",
        "the audit breaks at row {broken_at} ({why}): keep everything as it is and compare with a backup",
    ),
    # a message's result
    "risk": ("风险", "risk"),
    "triage": ("分类", "triage"),
    "draft": ("草稿", "draft"),
    "citation": ("引用", "cites"),
    "abstained": ("不作答", "abstained"),
    "missing": ("缺少", "missing"),
    "nearest": ("相近", "nearest"),
    "no_draft": ("无需草稿", "no draft"),
    "still_working": (
        "消息已收下，结果还没出来：qunzhu drafts 稍后再看",
        "the message is stored, its result is not there yet: see qunzhu drafts later",
    ),
    "verdict": (
        "判定 {verdict}：最高 {score}，门槛 {threshold}，把握 {confidence}",
        "verdict {verdict}: best {score}, threshold {threshold}, confidence {confidence}",
    ),
    "queries": ("查询编号 {ids}", "queries {ids}"),
    "degraded_answer": (
        "（模型不可用或回答不可信，已改用内置引擎）",
        "(the model was unavailable or not to be trusted: embedded engine)",
    ),
    # errors
    "error": ("错误", "error"),
    "usage": ("命令写得不对", "The command is wrong"),
    "interrupted": ("已中断", "interrupted"),
    # columns
    "id": ("编号", "id"),
    "name": ("名称", "name"),
    "status": ("状态", "status"),
    "version": ("版本", "version"),
    "community": ("社群", "community"),
    "communities": ("社群", "communities"),
    "channel": ("渠道", "channel"),
    "kind": ("类别", "kind"),
    "confidence": ("把握", "confidence"),
    "created": ("时间", "time"),
    "text": ("文本", "text"),
    "attempts": ("次数", "tries"),
    "problem": ("问题", "problem"),
    "url": ("地址", "address"),
    "idempotent": ("可重发", "idempotent"),
    "role": ("角色", "role"),
    "expires": ("到期", "expires"),
    "state": ("状态", "state"),
    "parent": ("上级", "parent"),
    "key": ("键", "key"),
    "value": ("值", "value"),
    "number": ("序号", "number"),
    "who": ("谁", "who"),
    "action": ("动作", "action"),
    "object": ("对象", "object"),
    "score": ("得分", "score"),
    "dense": ("语义", "dense"),
    "lexical": ("字面", "lexical"),
    "entry": ("条目", "entry"),
    "wording": ("命中的说法", "wording"),
    "label": ("标签", "label"),
    "evidence": ("证据", "evidence"),
    "layer": ("依据", "layer"),
    "row": ("条", "row"),
    "line": ("行", "line"),
    "field": ("字段", "field"),
    "code": ("代码", "code"),
    "check": ("检查", "check"),
    "result": ("结果", "result"),
    "send_at": ("发送时间", "goes out"),
    "people": ("人数", "people"),
    "segment": ("人群", "segment"),
    "excluded": ("排除", "left out"),
    "groups": ("分组", "groups"),
    "incentive": ("福利", "incentive"),
    "roi": ("预期回报", "return"),
    "copy_check": ("文案检查", "copy check"),
    "refused": ("不能做", "refused"),
    "limitation": ("说明", "note"),
}


@cache
def locale() -> str:
    """`en` where the terminal's locale is English, else `zh-CN`."""
    # In the order of POSIX: the first that is set decides.
    chosen = next((value for name in ("LC_ALL", "LC_MESSAGES", "LANG") if (value := os.environ.get(name))), "")
    return "en" if chosen.lower().startswith("en") else "zh-CN"


def word(key: str, /, **params: object) -> str:
    """The text of `key` with its parameters filled in."""
    chinese, english = _WORDS[key]
    return (english if locale() == "en" else chinese).format(**params)
