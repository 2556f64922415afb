# SPDX-License-Identifier: GPL-2.0-only
"""The MariaDB client library, as the monitors of MaxScale and ProxySQL use it.

Not the Python driver that the other tests talk through: what a monitor sees of
a closed gate also depends on what the library does by itself, as sending
commands while it connects.
"""

from __future__ import annotations

import ctypes

# enum mysql_option, in mysql.h
_CONNECT_TIMEOUT, _INIT_COMMAND, _READ_TIMEOUT = 0, 3, 11


class ClientError(Exception):
    def __init__(self, code: int, text: str):
        super().__init__(f"error {code}: {text}")
        self.code = code
        self.text = text


def _library() -> ctypes.CDLL:
    library = ctypes.CDLL("libmariadb.so.3")
    pointer, text, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_uint
    for name, result, arguments in (
        ("mysql_init", pointer, [pointer]),
        ("mysql_options", ctypes.c_int, [pointer, ctypes.c_int, pointer]),
        (
            "mysql_real_connect",
            pointer,
            [pointer, text, text, text, text, number, text, ctypes.c_ulong],
        ),
        ("mysql_ping", ctypes.c_int, [pointer]),
        ("mysql_query", ctypes.c_int, [pointer, text]),
        ("mysql_store_result", pointer, [pointer]),
        ("mysql_num_fields", number, [pointer]),
        ("mysql_fetch_row", ctypes.POINTER(text), [pointer]),
        ("mysql_free_result", None, [pointer]),
        ("mysql_errno", number, [pointer]),
        ("mysql_error", text, [pointer]),
        ("mysql_close", None, [pointer]),
    ):
        function = getattr(library, name)
        function.restype = result
        function.argtypes = arguments
    return library


_c = _library()


class Connection:
    """A connection by TCP; in a `with` block."""

    def __init__(
        self,
        port: int,
        user: str,
        password: str,
        *,
        connect_timeout: int,
        read_timeout: int = 0,
        init_commands: tuple[str, ...] = (),
    ):
        self._handle = _c.mysql_init(None)
        self._set_number(_CONNECT_TIMEOUT, connect_timeout)
        if read_timeout:
            self._set_number(_READ_TIMEOUT, read_timeout)
        for command in init_commands:
            _c.mysql_options(self._handle, _INIT_COMMAND, command.encode())
        if not _c.mysql_real_connect(
            self._handle,
            *(b"127.0.0.1", user.encode(), password.encode(), None),
            *(port, None, 0),
        ):
            error = self._error()
            self.close()
            raise error

    def _set_number(self, option: int, value: int) -> None:
        _c.mysql_options(self._handle, option, ctypes.byref(ctypes.c_uint(value)))

    def _error(self) -> ClientError:
        return ClientError(
            _c.mysql_errno(self._handle),
            _c.mysql_error(self._handle).decode(errors="replace"),
        )

    def ping(self) -> None:
        if _c.mysql_ping(self._handle):
            raise self._error()

    def query(self, sql: str) -> list[list[str | None]]:
        if _c.mysql_query(self._handle, sql.encode()):
            raise self._error()
        result = _c.mysql_store_result(self._handle)
        if not result:
            if _c.mysql_errno(self._handle):
                raise self._error()
            return []
        rows = []
        width = _c.mysql_num_fields(result)
        while row := _c.mysql_fetch_row(result):
            rows.append([v if v is None else v.decode() for v in row[:width]])
        _c.mysql_free_result(result)
        return rows

    def close(self) -> None:
        if self._handle:
            _c.mysql_close(self._handle)
            self._handle = None

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_) -> None:
        self.close()
