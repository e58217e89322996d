"""Draw a sequence diagram as SVG, for light and dark colour schemes."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import NamedTuple

IMAGES = Path(__file__).parent / "images"
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
    """A message between two participants, by index, or an action if both are the same."""

    sender: int
    receiver: int
    text: str


@dataclass(frozen=True)
class SequenceDiagram:
    """The participants from left to right, and the steps from top to bottom."""

    title: str
    participants: Sequence[str]
    steps: Sequence[Step]

    def write(self, file: Path) -> None:
        """Write the SVG file."""
        width = _LEFT * 2 + _GAP * (len(self.participants) - 1)
        height = _TOP + _STEP * (len(self.steps) + 1)
        parts = [_draw_lifeline(position, name, height) for position, name in enumerate(self.participants)]
        parts += [self._draw_step(step, _TOP + _STEP * (number + 1)) for number, step in enumerate(self.steps)]
        title, description = escape(self.title), escape(self._describe())
        head = f"<title>{title}</title>\n<desc>{description}</desc>\n<style>{_STYLE}</style>\n"
        file.write_text(
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">\n'
            f"{head}" + "\n".join(parts) + "\n</svg>\n"
        )

    def _describe(self) -> str:
        """Return the diagram as text, for screen readers."""
        return " ".join(
            f"{self.participants[step.sender]}"
            f"{'' if step.sender == step.receiver else ' to ' + self.participants[step.receiver]}: {step.text}."
            for step in self.steps
        )

    def _draw_step(self, step: Step, y: int) -> str:
        start, end, text = _get_x(step.sender), _get_x(step.receiver), escape(step.text)
        if step.sender == step.receiver:
            is_last = step.sender == len(self.participants) - 1
            text_x, anchor = (start - 12, "end") if is_last else (start + 12, "start")
            dot = f'<circle class="head" cx="{start}" cy="{y}" r="4"/>'
            return f'{dot}<text class="inside" x="{text_x}" y="{y + 5}" text-anchor="{anchor}">{text}</text>'
        tip = end - 9 if end > start else end + 9
        return (
            f'<line class="arrow" x1="{start}" y1="{y}" x2="{tip}" y2="{y}"/>'
            f'<path class="head" d="M{end} {y}L{tip} {y - 5}V{y + 5}Z"/>'
            f'<text class="what" x="{(start + end) / 2:g}" y="{y - 7}" text-anchor="middle">{text}</text>'
        )


def _get_x(position: int) -> int:
    return _LEFT + _GAP * position


def _draw_lifeline(position: int, name: str, height: int) -> str:
    x, width = _get_x(position), max(_BOX, 10 * len(name) + 10)
    return (
        f'<line class="life" x1="{x}" y1="{_TOP}" x2="{x}" y2="{height - 10}"/>'
        f'<rect class="box" x="{x - width / 2:g}" y="22" width="{width}" height="38" rx="8"/>'
        f'<text class="who" x="{x}" y="46" text-anchor="middle">{escape(name)}</text>'
    )
