"""Who waits for a result is told, in this process and from any thread."""

import asyncio
import threading

from server.notices import Notices


def test_waiter_is_woken_by_another_thread() -> None:
    notices = Notices()

    async def wait() -> bool:
        threading.Timer(0.05, notices.announce, [["other", "mine"]]).start()
        return await notices.wait("mine", 10)

    assert asyncio.run(wait()) is True


def test_nobody_announces_it() -> None:
    assert asyncio.run(Notices().wait("mine", 0.01)) is False


def test_other_ids_wake_nobody() -> None:
    notices = Notices()

    async def wait() -> bool:
        asyncio.get_running_loop().call_later(0.01, notices.announce, ["other"])
        return await notices.wait("mine", 0.1)

    assert asyncio.run(wait()) is False


def test_all_waiters_of_one_id_are_woken_and_forgotten() -> None:
    notices = Notices()

    async def wait() -> list[bool]:
        asyncio.get_running_loop().call_later(0.05, notices.announce, ["mine"])
        return await asyncio.gather(*(notices.wait("mine", 10) for _ in range(5)))

    assert asyncio.run(wait()) == [True] * 5
    assert notices._waiting == {}
