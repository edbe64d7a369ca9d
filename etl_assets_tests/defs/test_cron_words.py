"""Cron expressions as people say them."""

import pytest

from etl_assets.defs.cron_words import cron_in_words


@pytest.mark.parametrize(
    ("cron", "words"),
    [
        ("0 2 * * *", "every day at 02:00"),
        ("30 6,18 * * *", "every day at 06:30 and 18:30"),
        ("10 * * * *", "every hour at minute 10"),
        ("*/15 * * * *", "every 15 minutes"),
        ("*/1 * * * *", "every minute"),
        ("5 */6 * * *", "every 6 hours at minute 5"),
        ("10 0 * * 1", "every Monday at 00:10"),
        ("0 9 * * 1-5", "every day from Monday to Friday at 09:00"),
        ("0 9 * * mon,THU,0", "every Monday, Thursday and Sunday at 09:00"),
        ("10 0 1 * *", "every month on day 1 at 00:10"),
        ("10 0 1,15 * *", "every month on day 1 and 15 at 00:10"),
        ("5 */1 * * *", "every hour at minute 5"),
        # Not always as far from each other.
        ("*/45 * * * *", "as `*/45 * * * *` says"),
        ("0 */5 * * *", "as `0 */5 * * *` says"),
        ("@daily", "every day at 00:00"),
        ("0 2 1 * 1", "as `0 2 1 * 1` says"),
        ("0 2 * 6 *", "as `0 2 * 6 *` says"),
        ("0 2 L * *", "as `0 2 L * *` says"),
        ("0 2 * * 1#2", "as `0 2 * * 1#2` says"),
        ("0-5 2 * * *", "as `0-5 2 * * *` says"),
        ("@yearly", "as `@yearly` says"),
    ],
)
def test_a_cron_expression_is_said_in_words(cron: str, words: str) -> None:
    assert cron_in_words(cron) == words
