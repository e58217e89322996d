"""Draw images/login.svg and images/step-up.svg, the sequence diagrams of sign-ins: `python docs/login_diagram.py`."""

from html import escape
from pathlib import Path
from typing import NamedTuple

_DIRECTORY = Path(__file__).parent / "images"
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


LOGIN = (
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


STEP_UP = (
    Step(0, 1, "GET /notes/7/delete/"),
    Step(1, 1, "signed in 20 minutes ago, 10 are allowed"),
    Step(1, 0, "302 to /auth/step-up/?max_age=600"),
    Step(0, 1, "GET /auth/step-up/"),
    Step(1, 0, "302 to the hosted UI"),
    Step(0, 2, "GET /oauth2/authorize: prompt=login, max_age"),
    Step(2, 2, "password, MFA"),
    Step(2, 0, "302 to the callback: code, state"),
    Step(0, 1, "GET /auth/callback/: code, state"),
    Step(1, 2, "POST /oauth2/token"),
    Step(2, 1, "tokens: auth_time, acr, amr"),
    Step(1, 1, "checks them; not sufficient: an error page"),
    Step(1, 1, "ends the old login, changes the session key"),
    Step(1, 0, "302 to /notes/7/delete/"),
)
DIAGRAMS = {"login": ("The login, step by step", LOGIN), "step-up": ("A step-up, step by step", STEP_UP)}


def main() -> None:
    """Write the SVG files."""
    for name, (title, steps) in DIAGRAMS.items():
        (_DIRECTORY / f"{name}.svg").write_text(_draw(title, steps))


def _draw(title: str, steps: tuple[Step, ...]) -> str:
    width, height = _LEFT * 2 + _GAP * 2, _TOP + _STEP * (len(steps) + 1)
    parts = [_draw_lifeline(position, height) for position in range(len(_PARTICIPANTS))]
    parts += [_draw_step(step, _TOP + _STEP * (number + 1)) for number, step in enumerate(steps)]
    head = f"<title>{escape(title)}</title>\n<desc>{escape(_describe(steps))}</desc>\n<style>{_STYLE}</style>\n"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">\n'
        f"{head}" + "\n".join(parts) + "\n</svg>\n"
    )


def _describe(steps: tuple[Step, ...]) -> str:
    """Return the diagram as text, for screen readers."""
    return " ".join(
        f"{_PARTICIPANTS[step.sender]}"
        f"{'' if step.sender == step.receiver else ' to ' + _PARTICIPANTS[step.receiver]}: {step.text}."
        for step in steps
    )


def _get_x(position: int) -> int:
    return _LEFT + _GAP * position


def _draw_lifeline(position: int, height: int) -> str:
    x = _get_x(position)
    return (
        f'<line class="life" x1="{x}" y1="{_TOP}" x2="{x}" y2="{height - 10}"/>'
        f'<rect class="box" x="{x - _BOX / 2:g}" y="22" width="{_BOX}" height="38" rx="8"/>'
        f'<text class="who" x="{x}" y="46" text-anchor="middle">{escape(_PARTICIPANTS[position])}</text>'
    )


def _draw_step(step: Step, y: int) -> str:
    start, end, text = _get_x(step.sender), _get_x(step.receiver), escape(step.text)
    if step.sender == step.receiver:
        text_x, anchor = (start - 12, "end") if step.sender == len(_PARTICIPANTS) - 1 else (start + 12, "start")
        dot = f'<circle class="head" cx="{start}" cy="{y}" r="4"/>'
        return f'{dot}<text class="inside" x="{text_x}" y="{y + 5}" text-anchor="{anchor}">{text}</text>'
    tip = end - 9 if end > start else end + 9
    return (
        f'<line class="arrow" x1="{start}" y1="{y}" x2="{tip}" y2="{y}"/>'
        f'<path class="head" d="M{end} {y}L{tip} {y - 5}V{y + 5}Z"/>'
        f'<text class="what" x="{(start + end) / 2:g}" y="{y - 7}" text-anchor="middle">{text}</text>'
    )


if __name__ == "__main__":
    main()
