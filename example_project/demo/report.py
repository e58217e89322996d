"""What the demo says on the terminal. Readable as plain text too, where it is no terminal."""

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from .stack import Stack


def say_ready(console: Console, stack: Stack) -> None:
    """Where everything is, and who may sign in."""
    console.print()
    console.print(f"[bold]Fieldnotes[/]   [link={stack.site}]{stack.site}[/]")
    console.print(f"[dim]its API[/]      {stack.site}/api/notes/")
    console.print(f"[dim]Cognito[/]      {stack.cognito}   [dim]pool {stack.pool.id}[/]")
    console.print(f"[dim]S3[/]           {stack.cognito}   [dim]bucket {stack.account.bucket}[/]")
    console.print(
        f"[dim]Mailbox[/]      {stack.cognito}/mailbox   [dim]codes for who signs up or forgets a password[/]"
    )
    console.print(f"[dim]logs[/]         {escape(str(stack.processes.log_dir))}")
    console.print()
    console.print(_people(stack))
    for person in stack.pool.people.values():
        if person.totp_secret:
            console.print(f"\n[bold]{person.username}[/] gives a code, too. TOTP secret: {person.totp_secret}")
    console.print("\nCtrl-C stops all of it.")


def _people(stack: Stack) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="dim")
    for heading in ("sign in as", "password", "in the group"):
        table.add_column(heading, no_wrap=True)
    for person in stack.pool.people.values():
        table.add_row(f"[bold]{person.username}[/]", person.password, ", ".join(person.groups))
    return table
