"""Draws images/login.svg, the login as a sequence: `python docs/login_diagram.py`. Light and dark, no script."""

from html import escape
from pathlib import Path
from typing import NamedTuple

_FILE = Path(__file__).parent / "images" / "login.svg"
_WHO = ("Browser", "Your site", "Cognito")
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
    """Who says what to whom, by position in `_WHO`; to oneself is what happens there."""

    speaker: int
    hearer: int
    words: str


STEPS = (
    Step(0, 1, "GET /auth/login/?next=/notes/"),
    Step(1, 1, "seals the state, sets a cookie with a secret"),
    Step(1, 0, "302 to the hosted UI"),
    Step(0, 2, "GET /oauth2/authorize: state, nonce, S256 challenge"),
    Step(2, 2, "password, MFA, or an identity provider"),
    Step(2, 0, "302 to the callback: code, state"),
    Step(0, 1, "GET /auth/callback/: code, state"),
    Step(1, 1, "the state opens and the cookie matches, once"),
    Step(1, 2, "POST /oauth2/token: code, verifier, client"),
    Step(2, 1, "access, ID and refresh token"),
    Step(1, 1, "verifies both tokens"),
    Step(1, 1, "makes or updates the user, and what groups give"),
    Step(1, 1, "seals the tokens, gives the session a new key"),
    Step(1, 0, "302 to /notes/"),
)


def main() -> None:
    """Write the picture."""
    width, height = _LEFT * 2 + _GAP * 2, _TOP + _STEP * (len(STEPS) + 1)
    parts = [_life(position, height) for position in range(len(_WHO))]
    parts += [_step(step, _TOP + _STEP * (number + 1)) for number, step in enumerate(STEPS)]
    head = f"<title>The login, step by step</title>\n<desc>{escape(_told())}</desc>\n<style>{_STYLE}</style>\n"
    _FILE.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">\n'
        f"{head}" + "\n".join(parts) + "\n</svg>\n"
    )


def _told() -> str:
    """The picture in words, for whoever does not see it."""
    return " ".join(
        f"{_WHO[step.speaker]}{'' if step.speaker == step.hearer else ' to ' + _WHO[step.hearer]}: {step.words}."
        for step in STEPS
    )


def _x(position: int) -> int:
    return _LEFT + _GAP * position


def _life(position: int, height: int) -> str:
    x = _x(position)
    return (
        f'<line class="life" x1="{x}" y1="{_TOP}" x2="{x}" y2="{height - 10}"/>'
        f'<rect class="box" x="{x - _BOX / 2:g}" y="22" width="{_BOX}" height="38" rx="8"/>'
        f'<text class="who" x="{x}" y="46" text-anchor="middle">{escape(_WHO[position])}</text>'
    )


def _step(step: Step, y: int) -> str:
    start, end, words = _x(step.speaker), _x(step.hearer), escape(step.words)
    if step.speaker == step.hearer:
        at, anchor = (start - 12, "end") if step.speaker == len(_WHO) - 1 else (start + 12, "start")
        dot = f'<circle class="head" cx="{start}" cy="{y}" r="4"/>'
        return f'{dot}<text class="inside" x="{at}" y="{y + 5}" text-anchor="{anchor}">{words}</text>'
    tip = end - 9 if end > start else end + 9
    return (
        f'<line class="arrow" x1="{start}" y1="{y}" x2="{tip}" y2="{y}"/>'
        f'<path class="head" d="M{end} {y}L{tip} {y - 5}V{y + 5}Z"/>'
        f'<text class="what" x="{(start + end) / 2:g}" y="{y - 7}" text-anchor="middle">{words}</text>'
    )


if __name__ == "__main__":
    main()
