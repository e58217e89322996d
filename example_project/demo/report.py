"""The output of the demo on the terminal. Without a terminal, it is plain text."""

import time

import pyotp
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from .stack import Stack


def print_summary(console: Console, stack: Stack) -> None:
    """Print the URLs, and the users with their passwords and current TOTP codes."""
    console.print()
    console.print(f"[bold]Fieldnotes[/]   [link={stack.site}]{stack.site}[/]")
    console.print(f"[dim]API[/]          {stack.site}/api/notes/")
    console.print(f"[dim]Cognito[/]      {stack.cognito}/   [dim]user pool {stack.pool.id}, users, TOTP codes[/]")
    console.print(f"[dim]S3[/]           {stack.cognito}   [dim]bucket {stack.account.bucket}[/]")
    console.print(f"[dim]Mailbox[/]      {stack.cognito}/mailbox   [dim]codes for sign-up and forgotten passwords[/]")
    console.print(f"[dim]Logs[/]         {escape(str(stack.processes.log_dir))}")
    console.print()
    console.print(_build_user_table(stack))
    for user in stack.pool.users.values():
        if user.totp_secret:
            totp = pyotp.TOTP(user.totp_secret)
            seconds = totp.interval - int(time.time()) % totp.interval
            console.print(
                f"\n[bold]{user.username}[/] also needs a TOTP code: [bold]{totp.now()}[/] for {seconds} more seconds, "
                f"then those at {stack.cognito}/ [dim](secret {user.totp_secret})[/]",
                soft_wrap=True,
            )
    console.print("\nPress Ctrl-C to stop everything.")


def _build_user_table(stack: Stack) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="dim")
    for heading in ("username", "password", "groups"):
        table.add_column(heading, no_wrap=True)
    for user in stack.pool.users.values():
        groups = ", ".join(user.groups) if user.enabled else "disabled in Cognito"
        table.add_row(f"[bold]{user.username}[/]", user.password, groups)
    return table
