"""Every error that the product raises on purpose.

EtlAssetsError
├── UsageError              the command line or a partition key is wrong; exit code 2
│   └── ConfigError         etl_assets.yaml or etl_assets.lock is wrong
├── ShardError              one shard table could not be exported
│   └── CountMismatchError  the file and the server's count disagree
│       └── PartsMismatchError  the parts of a shard table are not the whole
├── StepError               the process of a step ended before the step did
├── IncompleteError         a logical table refuses to be called complete
├── CsvError                a file breaks the CSV conventions
└── StoreError              a file or an upload failed

Each says in one line what was expected, what came instead and what to do next. It survives
pickling: errors cross process boundaries.

SettingError stands beside the tree: whoever validates settings turns it into a ConfigError.
"""

from etl_assets.printable import printable


class EtlAssetsError(Exception):
    """Base of the tree.

    Arguments:
        problem: what is wrong, and where.
        expected: what would have been right.
        got: what was there instead.
        next_step: what the reader can do about it.
    """

    exit_code = 1

    def __init__(
        self, problem: str, *, expected: str = "", got: str = "", next_step: str = ""
    ) -> None:
        # Only `problem` goes into args: unpickling calls cls(*args) and then restores __dict__.
        super().__init__(problem)
        self.problem = problem
        self.expected = expected
        self.got = got
        self.next_step = next_step

    def __str__(self) -> str:
        facts = [
            f"{label} {text}"
            for label, text in (("expected", self.expected), ("got", self.got))
            if text
        ]
        text = self.problem + (": " + ", ".join(facts) if facts else "")
        text = f"{text}; {self.next_step}" if self.next_step else text
        # One line, whatever a server says; the spaces of a value stay as they are.
        return printable(" ".join(line.strip() for line in text.splitlines() if line.strip()))


class UsageError(EtlAssetsError):
    """A command, an option or a partition key that cannot be served."""

    exit_code = 2


class ConfigError(UsageError):
    """The configuration is wrong; the problem starts with `etl_assets.yaml:LINE`."""


class ShardError(EtlAssetsError):
    """One shard table could not be exported; the problem starts with the shard's name."""


class CountMismatchError(ShardError):
    """The rows written and the rows that the server counted in the same snapshot differ."""


class PartsMismatchError(CountMismatchError):
    """The parts of a shard table do not have as many rows as the whole, in the same snapshot."""


class StepError(EtlAssetsError):
    """The process of a step ended before the step did; the problem starts with the step's name."""


class IncompleteError(EtlAssetsError):
    """A logical table's window lacks a shard, or its shards do not fit together."""


class CsvError(EtlAssetsError):
    """A file that does not follow the CSV conventions; the problem names the byte offset."""


class StoreError(EtlAssetsError):
    """A file could not be written, read or put under its final name."""


class SettingError(ValueError):
    """The value of one key in a group of settings is wrong."""

    def __init__(self, key: str, problem: str) -> None:
        super().__init__(key, problem)
        self.key = key
        self.problem = problem

    def __str__(self) -> str:
        return self.problem
