"""Draw images/login.svg, the sequence diagram of the login: `python docs/login_diagram.py`."""

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import NamedTuple

_FILE = Path(__file__).parent / "images" / "login.svg"
_PARTICIPANTS = ("Browser", "Your site", "Cognito")
_LEFT, _GAP, _TOP, _STEP, _BOX = 110, 300, 70, 46, 128
_STYLE = """
  text { font: 14px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #16191d; }
  .who { font-weight: 600; } .what { font-size: 13px; } .inside { font-size: 13px; fill: #565e68; }
  .box { fill: #f4f6f8; stroke: #87909b; } .life { stroke: #c3c9d0; stroke-dasharray: 4 4; }
  .arrow { stroke: #0b5cad; stroke-width: 1.5; } .head { fill: #0b5cad; }
  @media (prefers-color-scheme: dark) {
    text { fill: #eceff2; } .inside { fill: #a9b1ba; } .box { fill: #1d2125; stroke: #6b747e; }
    .life { stroke: #4a525b; }
    .arrow { stroke: #7db8f5; } .head { fill: #7db8f5; }
  }
"""


class Step(NamedTuple):
    """A message between two participants, by index in `_PARTICIPANTS`, or an action if both are the same."""

    sender: int
    receiver: int
    text: str


STEPS = (
    Step(0, 1, "GET /auth/login/?next=/notes/"),
    Step(1, 1, "encrypts the state, sets a cookie with a secret"),
    Step(1, 0, "302 to the hosted UI"),
    Step(0, 2, "GET /oauth2/authorize: state, nonce, S256 challenge"),
    Step(2, 2, "password, MFA, or an identity provider"),
    Step(2, 0, "302 to the callback: code, state"),
    Step(0, 1, "GET /auth/callback/: code, state"),
    Step(1, 1, "checks state and cookie, once"),
    Step(1, 2, "POST /oauth2/token: code, verifier, client"),
    Step(2, 1, "access, ID and refresh token"),
    Step(1, 1, "verifies both tokens"),
    Step(1, 1, "creates or updates the user and its grants"),
    Step(1, 1, "encrypts the tokens, changes the session key"),
    Step(1, 0, "302 to /notes/"),
)


def draw(file: Path, title: str, participants: Sequence[str], steps: Sequence[Step]) -> None:
    """Write a sequence diagram as an SVG file."""
    width, height = _LEFT * 2 + _GAP * 2, _TOP + _STEP * (len(steps) + 1)
    parts = [_draw_lifeline(position, name, height) for position, name in enumerate(participants)]
    parts += [_draw_step(step, _TOP + _STEP * (number + 1), len(participants)) for number, step in enumerate(steps)]
    description = escape(_describe(participants, steps))
    head = f"<title>{escape(title)}</title>\n<desc>{description}</desc>\n<style>{_STYLE}</style>\n"
    file.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">\n'
        f"{head}" + "\n".join(parts) + "\n</svg>\n"
    )


def _describe(participants: Sequence[str], steps: Sequence[Step]) -> str:
    """Return the diagram as text, for screen readers."""
    return " ".join(
        f"{participants[step.sender]}"
        f"{'' if step.sender == step.receiver else ' to ' + participants[step.receiver]}: {step.text}."
        for step in steps
    )


def _get_x(position: int) -> int:
    return _LEFT + _GAP * position


def _draw_lifeline(position: int, name: str, height: int) -> str:
    x = _get_x(position)
    return (
        f'<line class="life" x1="{x}" y1="{_TOP}" x2="{x}" y2="{height - 10}"/>'
        f'<rect class="box" x="{x - _BOX / 2:g}" y="22" width="{_BOX}" height="38" rx="8"/>'
        f'<text class="who" x="{x}" y="46" text-anchor="middle">{escape(name)}</text>'
    )


def _draw_step(step: Step, y: int, count: int) -> str:
    start, end, text = _get_x(step.sender), _get_x(step.receiver), escape(step.text)
    if step.sender == step.receiver:
        text_x, anchor = (start - 12, "end") if step.sender == count - 1 else (start + 12, "start")
        dot = f'<circle class="head" cx="{start}" cy="{y}" r="4"/>'
        return f'{dot}<text class="inside" x="{text_x}" y="{y + 5}" text-anchor="{anchor}">{text}</text>'
    tip = end - 9 if end > start else end + 9
    return (
        f'<line class="arrow" x1="{start}" y1="{y}" x2="{tip}" y2="{y}"/>'
        f'<path class="head" d="M{end} {y}L{tip} {y - 5}V{y + 5}Z"/>'
        f'<text class="what" x="{(start + end) / 2:g}" y="{y - 7}" text-anchor="middle">{text}</text>'
    )


if __name__ == "__main__":
    draw(_FILE, "The login, step by step", _PARTICIPANTS, STEPS)
