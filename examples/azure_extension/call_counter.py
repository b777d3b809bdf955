"""A function-level extension for Azure's interface: made with ``__file__``, it serves that folder's function."""

from itertools import count
from logging import Logger
from typing import Any

from azure.functions import Context, FuncExtensionBase, HttpResponse


class CallCounter(FuncExtensionBase):
    """Numbers the responses of one function in a header."""

    def __init__(self, file_path: str) -> None:
        super().__init__(file_path)
        self.numbers = count(1)

    def post_invocation(
        self,
        logger: Logger,
        context: Context,
        func_args: dict[str, Any],
        func_ret: Any,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        if isinstance(func_ret, HttpResponse):
            func_ret.headers["X-Call-Number"] = str(next(self.numbers))
